/* policy.c: the fleet's prefixes, gateways, table and protocol, from a file that only root can
 * change. */
#include "actuate/routed/policy.h"

#include "actuate/routed/rib.h"
#include "base/text.h"
#include "config/fleet_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int policy_gateway(const struct policy_of_routes *p, const struct route_gateway *gateway)
{
    for (uint32_t i = 0; i < p->gateway_count; i++) {
        if (memcmp(&p->gateways[i], gateway, sizeof(*gateway)) == 0)
            return (int)i;
    }
    return -1;
}

int policy_announcement(const struct policy_of_routes *p, const struct prefix *prefix)
{
    for (uint32_t i = 0; i < p->announced_count; i++) {
        if (prefix_order(&p->announced[i], prefix) == 0)
            return (int)i;
    }
    return -1;
}

bool policy_interface(const struct policy_of_routes *p, const char *name)
{
    bool found = false;
    for (uint32_t i = 0; i < p->interface_count; i++)
        found = found || strncmp(p->interfaces[i], name, FLEET_IFNAME_SIZE) == 0;
    return found;
}

static int compare(const void *a, const void *b)
{
    return prefix_order(a, b);
}

static void add_prefixes(const struct fleet *f, uint16_t idc, struct policy_of_routes *p)
{
    for (uint16_t i = 0; i < f->idc_count; i++) {
        for (uint16_t j = 0; i != idc && j < f->idcs[i].prefix_count; j++)
            p->prefixes[p->prefix_count++] = f->idcs[i].prefixes[j];
    }
    qsort(p->prefixes, p->prefix_count, sizeof(*p->prefixes), compare);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->prefix_count; i++) {
        if (n == 0 || prefix_order(&p->prefixes[n - 1], &p->prefixes[i]) != 0)
            p->prefixes[n++] = p->prefixes[i];
    }
    p->prefix_count = n;
}

static void add_announced(const struct fleet *f, uint16_t idc, struct policy_of_routes *p)
{
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t i = 0; i < f->services[s].anycast_count && fleet_announces(f, s, idc); i++)
            p->announced[p->announced_count++] = f->services[s].anycast[i];
    }
}

static bool is_own_table(uint32_t table)
{
    return table != 0 && (table < 253 || table > 255);
}

static int add_interface(struct policy_of_routes *p, const char *name)
{
    if (policy_interface(p, name))
        return OK;
    if (p->interface_count == ROUTE_MAX_GATEWAYS)
        return ERR_INVALID;
    memcpy(p->interfaces[p->interface_count++], name, FLEET_IFNAME_SIZE);
    return OK;
}

int policy_from_fleet(const struct fleet *f, uint16_t idc, struct policy_of_routes *ret_policy)
{
    struct policy_of_routes *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    p->table = f->route_table;
    p->protocol = f->route_protocol;
    int status = OK;
    p->announce_table = f->announce_table;
    if (!is_own_table(p->table) || !is_own_table(p->announce_table) ||
        p->table == p->announce_table || p->protocol < 5)
        status = ERR_INVALID;
    for (uint16_t l = 0; status == OK && l < f->link_count; l++) {
        const struct link *link = &f->links[l];
        int end = link_end_at(link, idc);
        if (end >= 0)
            status = add_interface(p, link->end[end].interface);
        if (status != OK || end < 0 || link->end[1 - end].idc == FLEET_NONE ||
            link->end[1 - end].address.family == 0)
            continue;
        struct route_gateway gateway = {.address = link->end[1 - end].address};
        memcpy(gateway.interface, link->end[end].interface, sizeof(gateway.interface));
        if (p->gateway_count == ROUTE_MAX_GATEWAYS)
            status = ERR_INVALID;
        else if (policy_gateway(p, &gateway) < 0)
            p->gateways[p->gateway_count++] = gateway;
    }
    if (status == OK) {
        add_prefixes(f, idc, p);
        add_announced(f, idc, p);
        *ret_policy = *p;
    }
    free(p);
    return status;
}

/* Only root, or whoever runs the helper, may say what the helper may do. */
static int check_owner(int fd, const char *path, FILE *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        fprintf(err, "%s: %s\n", path, strerror(errno));
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) ||
        (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        fprintf(err,
                "%s: found owner %u and mode %04o, expected a file of root that group and others "
                "cannot write\n",
                path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
        return ERR_PERMISSION;
    }
    return OK;
}

static int read_file(const char *path, FILE *err, char **ret_text, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        fprintf(err, "%s: %s\n", path, strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_PERMISSION;
    }
    int status = check_owner(fd, path, err);
    char *text = status == OK ? malloc(CONFIG_FLEET_MAX_BYTES) : NULL;
    if (status == OK && text == NULL)
        status = ERR_MEMORY;
    size_t len = 0;
    while (status == OK && len < CONFIG_FLEET_MAX_BYTES) {
        ssize_t n = read(fd, text + len, CONFIG_FLEET_MAX_BYTES - len);
        if (n < 0 && errno != EINTR)
            status = ERR_IO;
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    if (status != OK) {
        free(text);
        return status;
    }
    *ret_text = text;
    *ret_len = len;
    return OK;
}

static int parse(const char *path, const char *text, size_t len, const char *idc_name, FILE *err,
                 struct policy_of_routes *ret_policy)
{
    void *memory = aligned_alloc(16, CONFIG_FLEET_ARENA_SIZE);
    if (memory == NULL)
        return ERR_MEMORY;
    struct arena arena;
    struct fleet fleet;
    struct config_errors errors = {0};
    arena_init(&arena, memory, CONFIG_FLEET_ARENA_SIZE);
    int status = config_fleet_parse(text, len, &arena, &fleet, &errors);
    if (status != OK)
        config_errors_print(&errors, path, err);
    config_errors_done(&errors);
    uint16_t idc = status == OK ? fleet_find_idc(&fleet, idc_name) : FLEET_NONE;
    if (status == OK && idc == FLEET_NONE) {
        fprintf(err, "%s: has no IDC named %s\n", path, idc_name);
        status = ERR_INVALID;
    }
    if (status == OK) {
        status = policy_from_fleet(&fleet, idc, ret_policy);
        if (status == ERR_INVALID)
            fprintf(err,
                    "%s: found tables %u and %u and protocol %u, expected two tables other than 0 "
                    "and 253 to 255 and a protocol from 5\n",
                    path, (unsigned)fleet.route_table, (unsigned)fleet.announce_table,
                    (unsigned)fleet.route_protocol);
    }
    free(memory);
    return status;
}

int policy_load(const char *path, const char *idc_name, FILE *err,
                struct policy_of_routes *ret_policy)
{
    char *text = NULL;
    size_t len = 0;
    int status = read_file(path, err, &text, &len);
    if (status == OK)
        status = parse(path, text, len, idc_name, err, ret_policy);
    free(text);
    return status;
}
