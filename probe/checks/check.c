/* check.c: addresses and ways of checks, for all kinds. */
#include "checks/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

void check_address_text(const struct address *a, char ret[CHECK_ADDRESS_TEXT])
{
    ret[0] = '\0';
    (void)inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, ret, CHECK_ADDRESS_TEXT);
}

socklen_t check_socket_address(const struct address *a, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (a->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->bytes, 4);
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    memcpy(&in6->sin6_addr, a->bytes, 16);
    return sizeof(*in6);
}

/* By name, because the kernel takes any number for an index; the index then tells whether the name
 * still means the same interface. */
bool check_bind(int fd, const struct check_way *way)
{
    if (way->index == 0)
        return true;
    int bound = 0;
    socklen_t size = sizeof(bound);
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, way->interface,
                      (socklen_t)strlen(way->interface)) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &bound, &size) == 0 && bound == way->index;
}

bool check_way_usable(const struct check_way *way)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool usable = fd >= 0 && check_bind(fd, way);
    if (fd >= 0)
        close(fd);
    return usable;
}
