/* service_load.c: what a service tells of its load (see service_load.h). */
#include "service_load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { USERS_NETWORK = 100 << 8 | 64 };

void service_load_init(struct service_load *l, const json_t *settings)
{
    json_t *views = lab_array(settings, "views"), *item;
    size_t i;
    l->path = lab_string(settings, "path");
    l->prometheus = strcmp(lab_string(settings, "format"), "prometheus") == 0;
    l->scale = lab_number(settings, "scale");
    l->view_count = json_array_size(views);
    if (l->view_count > LOAD_VIEWS) {
        lab_fail("settings: more than %d views", LOAD_VIEWS);
    }
    json_array_foreach(views, i, item)
    {
        l->views[i] = json_string_value(item);
    }
}

void service_load_count(struct service_load *l, struct in_addr peer, bool failed)
{
    uint32_t address = ntohl(peer.s_addr);
    l->now.requests++;
    l->now.errors += failed;
    if (address >> 16 == USERS_NETWORK) {
        l->now.views[address >> 8 & 0xff]++;
    }
}

void service_load_second(struct service_load *l, double units, double capacity)
{
    double share = capacity > 0 ? units / capacity : 0;
    l->saturation = share < 1 ? share : 1;
    l->last = l->now;
    l->now = (struct load_counts){0};
}

static void put_json(const struct service_load *l, FILE *out)
{
    fprintf(out, "{\"requests_per_s\":%.3f,\"errors_per_s\":%.3f,\"saturation\":%.4f,\"views\":{",
            l->last.requests / l->scale, l->last.errors / l->scale, l->saturation);
    for (size_t v = 0; v < l->view_count; v++) {
        fprintf(out, "%s\"%s\":%.3f", v == 0 ? "" : ",", l->views[v], l->last.views[v] / l->scale);
    }
    fputs("}}\n", out);
}

static void put_prometheus(const struct service_load *l, FILE *out)
{
    fprintf(out,
            "# TYPE spillway_requests_per_second gauge\nspillway_requests_per_second %.3f\n"
            "# TYPE spillway_errors_per_second gauge\nspillway_errors_per_second %.3f\n"
            "# TYPE spillway_saturation_ratio gauge\nspillway_saturation_ratio %.4f\n"
            "# TYPE spillway_view_requests_per_second gauge\n",
            l->last.requests / l->scale, l->last.errors / l->scale, l->saturation);
    for (size_t v = 0; v < l->view_count; v++) {
        fprintf(out, "spillway_view_requests_per_second{view=\"%s\"} %.3f\n", l->views[v],
                l->last.views[v] / l->scale);
    }
}

void service_load_page(const struct service_load *l, char room[LOAD_PAGE_SIZE])
{
    memset(room, 0, LOAD_PAGE_SIZE);
    FILE *out = fmemopen(room, LOAD_PAGE_SIZE - 1, "w");
    if (out == NULL) {
        lab_fail("out of memory");
    }
    if (l->prometheus) {
        put_prometheus(l, out);
    } else {
        put_json(l, out);
    }
    fclose(out);
}
