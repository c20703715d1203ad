/* netns.c: see netns.h. */
#include "netns.h"

#include <check.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void run(const char *format, ...)
{
    char command[512];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    ck_assert_msg(system(command) == 0, "%s", command);
}

void output_of(const char *command, char *ret_text, size_t size)
{
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t n = fread(ret_text, 1, size - 1, pipe);
    ret_text[n] = '\0';
    pclose(pipe);
}

bool netns_enter(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
        return false;
    run("ip link set lo up");
    run("ip link add to-shanghai type veth peer name far-shanghai");
    run("ip link add to-shenzhen type veth peer name far-shenzhen");
    run("ip address add 10.255.0.1/30 dev to-shanghai");
    run("ip address add 10.255.0.9/30 dev to-shenzhen");
    run("ip link set to-shanghai up && ip link set far-shanghai up");
    run("ip link set to-shenzhen up && ip link set far-shenzhen up");
    return true;
}
