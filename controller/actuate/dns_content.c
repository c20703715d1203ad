/* dns_content.c: from fleet and plan to names and addresses. */
#include "actuate/dns_content.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static uint8_t lower(uint8_t ch)
{
    return ch >= 'A' && ch <= 'Z' ? (uint8_t)(ch - 'A' + 'a') : ch;
}

int dns_name_from_text(const char *text, struct dns_name *ret_name)
{
    struct dns_name name = {0};
    size_t len = 0, label = 0; /* label: where the length of the present one stands */
    size_t n = text_length(text);
    if (n == 0 || text[n - 1] != '.')
        return ERR_INVALID;
    for (size_t i = 0; i < n; i++) {
        uint8_t ch = (uint8_t)text[i];
        if (ch == '.') {
            size_t size = len - label;
            if (size == 0 || size > 63)
                return ERR_INVALID;
            name.wire[label] = (uint8_t)size;
            len = label = label + size + 1;
            continue;
        }
        /* One byte behind this one is kept for the root. */
        if (ch <= ' ' || ch > '~' || ch == '\\' || ch == '"' || len + 2 >= DNS_NAME_SIZE)
            return ERR_INVALID;
        name.wire[++len] = ch;
    }
    name.wire[len] = 0;
    name.len = (uint8_t)(len + 1);
    *ret_name = name;
    return OK;
}

int dns_name_prepend(const char *label, const struct dns_name *name, struct dns_name *ret_name)
{
    size_t n = text_length(label);
    if (n == 0 || n > 63 || n + 1 + name->len > DNS_NAME_SIZE)
        return ERR_INVALID;
    struct dns_name out = {.len = (uint8_t)(n + 1 + name->len)};
    out.wire[0] = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        uint8_t ch = (uint8_t)label[i];
        if (ch <= ' ' || ch > '~' || ch == '.' || ch == '\\' || ch == '"')
            return ERR_INVALID;
        out.wire[1 + i] = ch;
    }
    memcpy(out.wire + 1 + n, name->wire, name->len);
    *ret_name = out;
    return OK;
}

/* Length bytes are at most 63 and so never look like upper case letters. */
static bool bytes_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lower(a[i]) != lower(b[i]))
            return false;
    }
    return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
    return a->len == b->len && bytes_equal(a->wire, b->wire, a->len);
}

static bool name_is_below(const struct dns_name *name, const struct dns_name *zone)
{
    for (size_t at = 0; at < name->len; at += (size_t)name->wire[at] + 1) {
        size_t left = name->len - at;
        if (left == zone->len)
            return at > 0 && bytes_equal(name->wire + at, zone->wire, left);
    }
    return false;
}

/* True when some entrance of the service reaches the view: then its answer must never be empty. */
static bool view_is_reached(const struct fleet *f, uint16_t service, uint16_t view)
{
    uint32_t carrier = UINT32_C(1) << f->views[view].carrier;
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        if (f->entrances[e].service == service && (f->entrances[e].carriers & carrier) != 0)
            return true;
    }
    return false;
}

static int address_order(const struct address *a, const struct address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16);
}

/* Keeps the addresses sorted and distinct. */
static void add_address(struct dns_answer *a, const struct address *address)
{
    uint8_t n = (uint8_t)(a->count4 + a->count6), at = n;
    while (at > 0 && address_order(&a->addresses[at - 1], address) > 0)
        at--;
    if (at > 0 && address_order(&a->addresses[at - 1], address) == 0)
        return;
    memmove(&a->addresses[at + 1], &a->addresses[at], (size_t)(n - at) * sizeof(*address));
    a->addresses[at] = *address;
    if (address->family == 4)
        a->count4++;
    else
        a->count6++;
}

static int fill_answer(const struct fleet *f, const struct plan *p, uint16_t service, uint16_t view,
                       struct dns_answer *a)
{
    const struct answer *planned = plan_answer(p, service, view);
    if (planned->count > FLEET_MAX_SLOTS)
        return ERR_INVALID;
    for (uint8_t i = 0; i < planned->count; i++) {
        const struct slot *slot = &planned->slots[i];
        if (slot->entrance == FLEET_NONE)
            continue;
        if (slot->entrance >= f->entrance_count ||
            slot->address >= f->entrances[slot->entrance].address_count)
            return ERR_INVALID;
        const struct address *address = &f->entrances[slot->entrance].addresses[slot->address];
        if (address->family != 4 && address->family != 6)
            return ERR_INVALID;
        add_address(a, address);
    }
    a->may_be_empty = !view_is_reached(f, service, view);
    return a->count4 + a->count6 > 0 || a->may_be_empty ? OK : ERR_GUARD;
}

static int fill_answers(const struct fleet *f, const struct plan *p, struct dns_content *c)
{
    struct dns_name zone;
    int status = dns_name_from_text(f->zone, &zone);
    for (uint16_t s = 0; status == OK && s < p->service_count; s++) {
        struct dns_name service;
        status = dns_name_from_text(f->services[s].dns_name, &service);
        for (uint16_t v = 0; status == OK && v < p->view_count; v++) {
            struct dns_answer *a = &c->answers[(uint32_t)s * p->view_count + v];
            a->ttl_s = f->services[s].ttl_s;
            status = dns_name_prepend(f->views[v].name, &service, &a->name);
            if (status == OK && !name_is_below(&a->name, &zone))
                status = ERR_INVALID;
            if (status == OK)
                status = fill_answer(f, p, s, v, a);
        }
    }
    return status;
}

static int fill_changed(const struct plan *p, const struct change *changes, uint32_t change_count,
                        struct dns_content *c)
{
    for (uint32_t i = 0; i < change_count; i++) {
        if (changes[i].kind != CHANGE_ANSWER)
            continue;
        if (changes[i].a >= p->service_count || changes[i].b >= p->view_count)
            return ERR_INVALID;
        c->changed[c->changed_count++] = (uint32_t)changes[i].a * p->view_count + changes[i].b;
    }
    return OK;
}

int dns_content_new(const struct fleet *f, const struct plan *p, const struct change *changes,
                    uint32_t change_count, struct dns_content **ret_content)
{
    if (p->service_count != f->service_count || p->view_count != f->view_count)
        return ERR_INVALID;
    struct dns_content *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_MEMORY;
    c->answer_count = (uint32_t)p->service_count * p->view_count;
    c->answers = calloc((size_t)c->answer_count + 1, sizeof(*c->answers));
    c->changed = calloc((size_t)change_count + 1, sizeof(*c->changed));
    int status = c->answers != NULL && c->changed != NULL ? OK : ERR_MEMORY;
    if (status == OK)
        status = fill_answers(f, p, c);
    if (status == OK)
        status = fill_changed(p, changes, change_count, c);
    if (status != OK) {
        dns_content_free(c);
        return status;
    }
    *ret_content = c;
    return OK;
}

void dns_content_free(struct dns_content *c)
{
    if (c == NULL)
        return;
    free(c->answers);
    free(c->changed);
    free(c);
}

size_t dns_answer_wire_size(const struct dns_answer *a)
{
    size_t rr = (size_t)a->name.len + 10; /* name, type, class, TTL, length of the data */
    return 2 * rr + a->count4 * (rr + 4) + a->count6 * (rr + 16);
}
