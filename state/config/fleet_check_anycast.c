/* fleet_check_anycast.c: can each anycast prefix be announced, by more than one IDC, without
 * covering what has to be reached at one IDC alone? */
#include "config/fleet_check.h"
#include "config/units.h"

#include <string.h>

enum { BROADEST_4 = 8, BROADEST_6 = 16 };

struct one {
    const struct fleet *f;
    struct schema_context *ctx;
    const struct yaml_node *node;
    uint32_t service, index;
    const struct prefix *prefix;
    char text[UNITS_TEXT_SIZE];
};

static bool overlap(const struct prefix *a, const struct prefix *b)
{
    const unsigned length = a->length < b->length ? a->length : b->length;
    return address_shares_prefix(&a->address, &b->address, length);
}

static bool covers(const struct one *o, const struct address *a)
{
    return address_shares_prefix(&o->prefix->address, a, o->prefix->length);
}

static void check_form(const struct one *o)
{
    const unsigned broadest = o->prefix->address.family == 4 ? BROADEST_4 : BROADEST_6;
    if (!prefix_is_clean(o->prefix)) {
        char clean_text[UNITS_TEXT_SIZE];
        const struct prefix clean = prefix_clean(o->prefix);
        units_put_prefix(&clean, clean_text);
        CHECK_ERROR(o->ctx, o->node, "found %s with host bits set, expected %s", o->text,
                    clean_text);
    }
    if (o->prefix->length < broadest) {
        CHECK_ERROR(o->ctx, o->node, "found %s, expected a network of /%u or longer", o->text,
                    broadest);
    }
}

/* What is the same everywhere must not hold what is at one place. */
static void check_apart(const struct one *o)
{
    const struct fleet *f = o->f;
    for (uint32_t i = 0; i < f->idc_count; i++) {
        for (uint32_t k = 0; k < f->idcs[i].prefix_count; k++) {
            if (overlap(o->prefix, &f->idcs[i].prefixes[k])) {
                CHECK_ERROR(o->ctx, o->node,
                            "found %s, which overlaps a prefix of \"%s\", expected networks apart",
                            o->text, f->idcs[i].name);
                return;
            }
        }
    }
    for (uint32_t e = 0; e < f->entrance_count; e++) {
        for (uint32_t k = 0; k < f->entrances[e].address_count; k++) {
            if (covers(o, &f->entrances[e].addresses[k])) {
                CHECK_ERROR(o->ctx, o->node,
                            "found %s around an address of entrance \"%s\", expected it outside: "
                            "it tells how this one IDC is",
                            o->text, f->entrances[e].name);
                return;
            }
        }
    }
    for (uint32_t l = 0; l < f->link_count; l++) {
        if (covers(o, &f->links[l].end[0].address) || covers(o, &f->links[l].end[1].address)) {
            CHECK_ERROR(o->ctx, o->node,
                        "found %s around an address of link \"%s\", expected it outside", o->text,
                        f->links[l].name);
            return;
        }
    }
}

static void check_once(const struct one *o)
{
    for (uint32_t s = 0; s <= o->service; s++) {
        const struct service *other = &o->f->services[s];
        const uint32_t end = s == o->service ? o->index : other->anycast_count;
        for (uint32_t k = 0; k < end; k++) {
            if (overlap(o->prefix, &other->anycast[k])) {
                CHECK_ERROR(o->ctx, o->node,
                            "found %s, which overlaps an anycast prefix of \"%s\", expected "
                            "networks apart",
                            o->text, other->name);
                return;
            }
        }
    }
}

static void check_service(const struct fleet *f, struct schema_context *ctx, uint16_t s)
{
    const struct yaml_node *list = fleet_place(ctx, CLASS_SERVICE, s, "anycast");
    uint32_t announcers = 0;
    for (uint16_t x = 0; x < f->idc_count; x++) {
        announcers += fleet_announces(f, s, x) ? 1 : 0;
    }
    if (announcers < 2) {
        CHECK_ERROR(ctx, list,
                    "found anycast prefixes of \"%s\" with entrances at %u IDCs, expected 2 or "
                    "more: the last one is never withdrawn",
                    f->services[s].name, announcers);
    }
    if (f->services[s].stateful) {
        CHECK_ERROR(ctx, list,
                    "found anycast prefixes of stateful \"%s\", expected none: BGP moves users "
                    "without asking anybody",
                    f->services[s].name);
    }
    for (uint32_t k = 0; k < f->services[s].anycast_count; k++) {
        struct one o = {f, ctx, fleet_item(list, k), s, k, &f->services[s].anycast[k], {0}};
        if (o.prefix->address.family != 0) {
            units_put_prefix(o.prefix, o.text);
            check_form(&o);
            check_apart(&o);
            check_once(&o);
        }
    }
}

static void check_table(const struct fleet *f, struct schema_context *ctx)
{
    const struct yaml_node *routes = yaml_get(yaml_root(ctx->yaml), "routes");
    const struct yaml_node *table = routes != NULL ? yaml_get(routes, "announce_table") : NULL;
    table = table != NULL ? table : routes != NULL ? routes : yaml_root(ctx->yaml);
    if (f->announce_table >= 253 && f->announce_table <= 255) {
        CHECK_ERROR(ctx, table, "found the kernel's own table %u, expected another than 253 to 255",
                    f->announce_table);
    } else if (f->announce_table != 0 && f->announce_table == f->route_table) {
        CHECK_ERROR(ctx, table,
                    "found table %u for routes and announcements, expected one of its own for each",
                    f->announce_table);
    }
}

void fleet_check_anycast(const struct fleet *f, struct schema_context *ctx)
{
    for (uint16_t s = 0; s < f->service_count; s++) {
        if (f->services[s].anycast_count > 0) {
            check_service(f, ctx, s);
        }
    }
    check_table(f, ctx);
}
