/* nameserver.c: see nameserver.h. */
#include "nameserver.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const programs[SOFTWARE_COUNT] = {"/usr/sbin/knotd", "/usr/sbin/named"};

bool nameserver_available(enum software software)
{
    return access(programs[software], X_OK) == 0;
}

const char *nameserver_name(enum software software)
{
    return software == SOFTWARE_KNOT ? "Knot" : "BIND";
}

struct dns_key test_key(void)
{
    struct dns_key key = {.name = "tsig-spillway", .size = 32};
    for (size_t i = 0; i < key.size; i++)
        key.secret[i] = (uint8_t)(i * 7 + 1);
    return key;
}

struct dns_target test_target(uint16_t port)
{
    struct dns_target t = {
        .server = 1,
        .address = {.family = 4, .bytes = {127, 0, 0, 1}},
        .port = port,
        .key_count = 1,
        .keys = {test_key()},
        .zone = "gslb.example.",
        .timeout_us = 3 * 1000 * 1000,
    };
    return t;
}

static int bind_loopback(int type, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

uint16_t free_port(void)
{
    for (;;) {
        struct sockaddr_in in;
        socklen_t len = sizeof(in);
        int tcp = bind_loopback(SOCK_STREAM, 0);
        ck_assert_int_ge(tcp, 0);
        ck_assert_int_eq(getsockname(tcp, (struct sockaddr *)&in, &len), 0);
        int udp = bind_loopback(SOCK_DGRAM, ntohs(in.sin_port));
        close(tcp);
        if (udp < 0)
            continue;
        close(udp);
        return ntohs(in.sin_port);
    }
}

static FILE *create(const struct nameserver *n, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", n->directory, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    return f;
}

static void write_zone(const struct nameserver *n)
{
    FILE *f = create(n, "zone");
    fputs("$TTL 1\n@ IN SOA ns hostmaster 1 3600 600 86400 1\n@ IN NS ns\nns IN A 127.0.0.1\n", f);
    fclose(f);
}

static void write_key(const struct nameserver *n, FILE *f, const struct dns_key *key)
{
    char secret[256];
    EVP_EncodeBlock((unsigned char *)secret, key->secret, (int)key->size);
    fprintf(f,
            n->software == SOFTWARE_KNOT
                ? "  - id: %s\n    algorithm: hmac-sha256\n    secret: %s\n"
                : "key \"%s\" { algorithm hmac-sha256; secret \"%s\"; };\n",
            key->name, secret);
}

static void write_knot(const struct nameserver *n, FILE *f, const struct dns_key *keys,
                       const bool *allowed, size_t count)
{
    const char *d = n->directory, *before = "";
    fprintf(f,
            "server:\n    listen: 127.0.0.1@%u\n    rundir: %s\n    udp-workers: 1\n"
            "    tcp-workers: 1\n    background-workers: 1\n"
            "database:\n    storage: %s\n"
            "log:\n  - target: %s/log\n    any: warning\n"
            "key:\n",
            n->port, d, d, d);
    for (size_t i = 0; i < count; i++)
        write_key(n, f, &keys[i]);
    fprintf(f, "acl:\n  - id: spillway\n    action: update\n    key: [");
    for (size_t i = 0; i < count; i++) {
        if (allowed[i]) {
            fprintf(f, "%s%s", before, keys[i].name);
            before = ", ";
        }
    }
    fprintf(f, "]\nzone:\n  - domain: gslb.example\n    file: %s/zone\n    acl: spillway\n", d);
}

static void write_bind(const struct nameserver *n, FILE *f, const struct dns_key *keys,
                       const bool *allowed, size_t count)
{
    const char *d = n->directory;
    fprintf(f,
            "options { directory \"%s\"; listen-on port %u { 127.0.0.1; }; listen-on-v6 { "
            "none; };\n"
            "  recursion no; pid-file none; session-keyfile none; dnssec-validation no;\n"
            "  lock-file none; };\n"
            "controls { };\n",
            d, n->port);
    for (size_t i = 0; i < count; i++)
        write_key(n, f, &keys[i]);
    fprintf(f, "zone \"gslb.example\" { type primary; file \"%s/zone\"; update-policy {", d);
    for (size_t i = 0; i < count; i++) {
        if (allowed[i])
            fprintf(f, " grant %s zonesub ANY;", keys[i].name);
    }
    fprintf(f, " }; };\n");
}

/* Moved into its place, so that the server never reads half of it. */
static void write_config(const struct nameserver *n, const struct dns_key *keys,
                         const bool *allowed, size_t count)
{
    char fresh[128], path[128];
    FILE *f = create(n, "conf.new");
    if (n->software == SOFTWARE_KNOT)
        write_knot(n, f, keys, allowed, count);
    else
        write_bind(n, f, keys, allowed, count);
    fclose(f);
    snprintf(fresh, sizeof(fresh), "%s/conf.new", n->directory);
    snprintf(path, sizeof(path), "%s/conf", n->directory);
    ck_assert_int_eq(rename(fresh, path), 0);
}

void nameserver_keys(struct nameserver *n, const struct dns_key *keys, const bool *allowed,
                     size_t count)
{
    write_config(n, keys, allowed, count);
    if (n->pid != 0)
        ck_assert_int_eq(kill(n->pid, SIGHUP), 0);
}

static void wait_until_it_listens(const struct nameserver *n)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(n->port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 1000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int e = connect(fd, (struct sockaddr *)&in, sizeof(in));
        close(fd);
        if (e == 0) {
            usleep(100 * 1000); /* listening is not yet having loaded the zone */
            return;
        }
        usleep(10 * 1000);
    }
    ck_abort_msg("%s does not listen", programs[n->software]);
}

void nameserver_run(struct nameserver *n, const char *preload)
{
    char conf[128], output[128];
    snprintf(conf, sizeof(conf), "%s/conf", n->directory);
    snprintf(output, sizeof(output), "%s/output", n->directory);
    n->pid = fork();
    ck_assert_int_ge(n->pid, 0);
    if (n->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open(output, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        if (preload != NULL)
            setenv("LD_PRELOAD", preload, 1);
        if (n->software == SOFTWARE_KNOT)
            execl(programs[0], "knotd", "-c", conf, (char *)NULL);
        else
            execl(programs[1], "named", "-g", "-n", "1", "-c", conf, (char *)NULL);
        _exit(127);
    }
    wait_until_it_listens(n);
}

void nameserver_start(struct nameserver *n, enum software software)
{
    *n = (struct nameserver){.software = software, .port = free_port()};
    snprintf(n->directory, sizeof(n->directory), "/tmp/spillway-test-dns-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(n->directory));
    write_zone(n);
    struct dns_key key = test_key();
    const bool allowed = true;
    write_config(n, &key, &allowed, 1);
    nameserver_run(n, NULL);
}

void nameserver_kill(struct nameserver *n, int signal)
{
    if (n->pid == 0)
        return;
    kill(n->pid, signal);
    if (signal == SIGSTOP)
        waitpid(n->pid, NULL, WUNTRACED); /* until all of its threads stand still */
    if (signal == SIGSTOP || signal == SIGCONT)
        return;
    waitpid(n->pid, NULL, 0);
    n->pid = 0;
}

void nameserver_end(struct nameserver *n)
{
    char command[128];
    nameserver_kill(n, SIGKILL);
    snprintf(command, sizeof(command), "rm -rf %s", n->directory);
    if (system(command) != 0)
        perror("rm");
}
