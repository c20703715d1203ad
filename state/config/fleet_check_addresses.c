/* fleet_check_addresses.c: is every address usable and unique, and every prefix clean and apart? */
#include "config/fleet_check.h"
#include "config/units.h"

#include <stdlib.h>
#include <string.h>

struct placed {
    const struct address *address;
    const struct yaml_node *node;
    const char *owner;
};

struct placed_list {
    struct placed *items;
    uint32_t count;
};

static int compare_placed(const void *pa, const void *pb)
{
    const struct placed *a = pa, *b = pb;
    if (a->address->family != b->address->family) {
        return a->address->family < b->address->family ? -1 : 1;
    }
    const int order = memcmp(a->address->bytes, b->address->bytes, sizeof a->address->bytes);
    if (order != 0) {
        return order;
    }
    if (a->node->line != b->node->line) {
        return a->node->line < b->node->line ? -1 : 1;
    }
    return a->node->column < b->node->column ? -1 : a->node->column > b->node->column;
}

static void check_usable(struct schema_context *ctx, const struct address *a,
                         const struct yaml_node *node)
{
    const char *why = a->family != 0 ? address_unusable(a) : NULL;
    if (why != NULL) {
        char text[UNITS_TEXT_SIZE];
        units_put_address(a, text);
        CHECK_ERROR(ctx, node, "found the %s address %s, expected the address of a host", why,
                    text);
    }
}

static void place(struct placed_list *list, const struct address *a, const struct yaml_node *node,
                  const char *owner)
{
    if (a->family != 0) {
        list->items[list->count++] = (struct placed){a, node, owner};
    }
}

static void check_unique(struct schema_context *ctx, struct placed_list *list)
{
    qsort(list->items, list->count, sizeof *list->items, compare_placed);
    const struct placed *first = list->items;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct placed *p = &list->items[i];
        check_usable(ctx, p->address, p->node);
        if (i == 0 || !address_equal(p->address, first->address)) {
            first = p;
            continue;
        }
        char text[UNITS_TEXT_SIZE];
        units_put_address(p->address, text);
        CHECK_ERROR(ctx, p->node,
                    "found address %s again (\"%s\" has it, line %u), expected unique addresses",
                    text, first->owner, first->node->line);
    }
}

/* The node of an end's address: of the end in the file that has it, whichever way round they stand.
 */
static const struct yaml_node *end_address(const struct schema_context *ctx, uint32_t link, int end,
                                           const struct link *l)
{
    const struct yaml_node *ends = fleet_place(ctx, CLASS_LINK, link, "ends");
    if (ends->kind != YAML_SEQUENCE || ends->first == NULL) {
        return ends;
    }
    const bool swapped = l->end[1].idc == FLEET_NONE && yaml_get(ends->first, "carrier") != NULL;
    const struct yaml_node *item = (end == 0) == swapped ? ends->last : ends->first;
    const struct yaml_node *address = yaml_get(item, "address");
    return address != NULL ? address : item;
}

static struct placed_list list_new(struct schema_context *ctx, size_t room)
{
    struct placed_list list = {.items = yaml_alloc(ctx->yaml, (room + 1) * sizeof(struct placed))};
    if (list.items == NULL) {
        ctx->status = ERR_MEMORY;
    }
    return list;
}

static void check_link_addresses(const struct fleet *f, struct schema_context *ctx)
{
    struct placed_list list = list_new(ctx, (size_t)f->link_count * 2);
    if (list.items == NULL) {
        return;
    }
    for (uint32_t i = 0; i < f->link_count; i++) {
        for (int end = 0; end < 2; end++) {
            place(&list, &f->links[i].end[end].address, end_address(ctx, i, end, &f->links[i]),
                  f->links[i].name);
        }
    }
    check_unique(ctx, &list);
}

static void check_entrance_addresses(const struct fleet *f, struct schema_context *ctx)
{
    size_t total = 0;
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        total += f->entrances[i].address_count;
    }
    struct placed_list list = list_new(ctx, total);
    if (list.items == NULL) {
        return;
    }
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        const struct yaml_node *pool = fleet_place(ctx, CLASS_ENTRANCE, i, "addresses");
        for (uint32_t j = 0; j < f->entrances[i].address_count; j++) {
            place(&list, &f->entrances[i].addresses[j], fleet_item(pool, j), f->entrances[i].name);
        }
    }
    check_unique(ctx, &list);
}

static void check_servers(const struct fleet *f, struct schema_context *ctx)
{
    for (uint32_t i = 0; i < f->dns_server_count; i++) {
        const struct dns_server *a = &f->dns_servers[i];
        check_usable(ctx, &a->address, fleet_place(ctx, CLASS_DNS_SERVER, i, "address"));
        if (a->tsig_key_next[0] != '\0' && strcmp(a->tsig_key, a->tsig_key_next) == 0) {
            CHECK_ERROR(ctx, fleet_place(ctx, CLASS_DNS_SERVER, i, "tsig_key_next"),
                        "found the same key twice, expected another key to rotate to");
        }
        for (uint32_t j = 0; j < i; j++) {
            const struct dns_server *b = &f->dns_servers[j];
            if (a->address.family != 0 && a->port == b->port &&
                address_equal(&a->address, &b->address)) {
                CHECK_ERROR(ctx, fleet_place(ctx, CLASS_DNS_SERVER, i, "address"),
                            "found the address and port of \"%s\" again, expected another server",
                            b->name);
                break;
            }
        }
    }
    for (uint32_t i = 0; i < f->reference_count; i++) {
        check_usable(ctx, &f->references[i].address,
                     fleet_place(ctx, CLASS_REFERENCE, i, "address"));
    }
    if (f->dns_server_count == 1) {
        CHECK_WARNING(ctx, fleet_place(ctx, CLASS_DNS_SERVER, 0, NULL),
                      "found 1 DNS server, expected 2 or more in different IDCs");
    }
}

static const struct yaml_node *prefix_node(const struct schema_context *ctx, uint32_t idc,
                                           uint32_t i)
{
    return fleet_item(fleet_place(ctx, CLASS_IDC, idc, "prefixes"), i);
}

static void check_prefix(const struct fleet *f, struct schema_context *ctx, uint32_t idc,
                         uint32_t i)
{
    const struct prefix *p = &f->idcs[idc].prefixes[i];
    char text[UNITS_TEXT_SIZE], clean_text[UNITS_TEXT_SIZE];
    if (p->address.family == 0) {
        return;
    }
    units_put_prefix(p, text);
    const struct prefix clean = prefix_clean(p);
    const unsigned broadest = p->address.family == 4 ? 8 : 16;
    if (!prefix_is_clean(p)) {
        units_put_prefix(&clean, clean_text);
        CHECK_ERROR(ctx, prefix_node(ctx, idc, i), "found %s with host bits set, expected %s", text,
                    clean_text);
    }
    if (p->length < broadest) {
        CHECK_ERROR(
            ctx, prefix_node(ctx, idc, i),
            "found %s, expected a network of /%u or longer: Spillway takes no default route", text,
            broadest);
    }
    for (uint32_t j = 0; j < f->link_count; j++) {
        for (int end = 0; end < 2; end++) {
            if (address_shares_prefix(&f->links[j].end[end].address, &p->address, p->length)) {
                CHECK_ERROR(ctx, prefix_node(ctx, idc, i),
                            "found %s around an address of link \"%s\", expected link addresses "
                            "outside of the routed prefixes",
                            text, f->links[j].name);
                return;
            }
        }
    }
}

static void check_overlap(const struct fleet *f, struct schema_context *ctx, uint32_t idc,
                          uint32_t i)
{
    const struct prefix *p = &f->idcs[idc].prefixes[i];
    for (uint32_t k = 0; k <= idc; k++) {
        const uint32_t end = k == idc ? i : f->idcs[k].prefix_count;
        for (uint32_t j = 0; j < end; j++) {
            const struct prefix *q = &f->idcs[k].prefixes[j];
            const unsigned length = p->length < q->length ? p->length : q->length;
            if (p->address.family == 0 ||
                !address_shares_prefix(&p->address, &q->address, length)) {
                continue;
            }
            char text[UNITS_TEXT_SIZE], other[UNITS_TEXT_SIZE];
            units_put_prefix(p, text);
            units_put_prefix(q, other);
            CHECK_ERROR(ctx, prefix_node(ctx, idc, i),
                        "found %s, which overlaps %s of \"%s\", expected networks apart", text,
                        other, f->idcs[k].name);
            return;
        }
    }
}

void fleet_check_addresses(const struct fleet *f, struct schema_context *ctx)
{
    check_link_addresses(f, ctx);
    check_entrance_addresses(f, ctx);
    check_servers(f, ctx);
    for (uint32_t i = 0; i < f->idc_count; i++) {
        for (uint32_t j = 0; j < f->idcs[i].prefix_count; j++) {
            check_prefix(f, ctx, i, j);
            check_overlap(f, ctx, i, j);
        }
    }
}
