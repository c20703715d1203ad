/* order_name.c: what an order is about, as people name it: "beijing", "web@beijing", "north". */
#include "model/order.h"

/* Longest first part of a name that has a second one after a '@'. */
struct halves {
    char first[FLEET_NAME_SIZE];
    const char *second; /* NULL: there is no '@' */
};

static bool split(const char *name, struct halves *ret)
{
    size_t n = 0;
    while (name[n] != '\0' && name[n] != '@') {
        if (n + 1 == sizeof ret->first) {
            return false;
        }
        ret->first[n] = name[n];
        n++;
    }
    ret->first[n] = '\0';
    ret->second = name[n] == '@' ? name + n + 1 : NULL;
    return true;
}

/* Index of the name among count ones that lie `stride` bytes apart, or FLEET_NONE. */
static uint16_t find(const char *names, size_t stride, uint16_t count, const char *name)
{
    for (uint16_t i = 0; i < count; i++) {
        if (text_equal(names + stride * i, name)) {
            return i;
        }
    }
    return FLEET_NONE;
}

/* "kind:" before the name, or nothing. */
static const char *without_kind(enum subject_kind kind, const char *name)
{
    const char *prefix = subject_kind_name(kind);
    size_t n = text_length(prefix);
    for (size_t i = 0; i < n; i++) {
        if (name[i] != prefix[i]) {
            return name;
        }
    }
    return name[n] == ':' ? name + n + 1 : name;
}

/* The subject of this kind that the name means; false: none. */
static bool find_as(const struct fleet *f, enum subject_kind kind, const char *name,
                    struct subject *ret)
{
    struct halves h;
    uint16_t a = FLEET_NONE, b = 0;
    bool two = kind == SUBJECT_SERVICE || kind == SUBJECT_CARRIER_AT;
    if (!split(without_kind(kind, name), &h) || (h.second != NULL) != two) {
        return false;
    }
    b = two ? fleet_find_idc(f, h.second) : 0;
    if (kind == SUBJECT_IDC) {
        a = fleet_find_idc(f, h.first);
    } else if (kind == SUBJECT_SERVICE) {
        a = fleet_find_service(f, h.first);
    } else if (kind == SUBJECT_CARRIER_AT && f->carrier_count > 0) {
        a = find(f->carriers[0].name, sizeof *f->carriers, f->carrier_count, h.first);
    } else if (kind == SUBJECT_REGION && f->region_count > 0) {
        a = find(f->regions[0].name, sizeof *f->regions, f->region_count, h.first);
    } else if (kind == SUBJECT_ENTRANCE && f->entrance_count > 0) {
        a = find(f->entrances[0].name, sizeof *f->entrances, f->entrance_count, h.first);
    }
    *ret = (struct subject){kind, a, b};
    return a != FLEET_NONE && b != FLEET_NONE;
}

int order_subject_find(const struct fleet *f, enum order_kind k, const char *name,
                       struct subject *ret_subject)
{
    uint32_t found = 0;
    for (unsigned kind = SUBJECT_LINK; kind <= SUBJECT_LAST; kind++) {
        struct subject s;
        if (find_as(f, (enum subject_kind)kind, name, &s) && order_subject_fits(f, k, &s)) {
            *ret_subject = found++ == 0 ? s : *ret_subject;
        }
    }
    return found == 1 ? OK : found == 0 ? ERR_NOT_FOUND : ERR_INVALID;
}

int order_features_find(const struct fleet *f, const char *region, const char *service,
                        struct subject *ret_subject)
{
    struct subject s;
    if (!find_as(f, SUBJECT_REGION, region, &s)) {
        return ERR_NOT_FOUND;
    }
    uint16_t at = fleet_find_service(f, service);
    if (at == FLEET_NONE) {
        return ERR_NOT_FOUND;
    }
    *ret_subject = (struct subject){SUBJECT_FEATURES, s.a, at};
    return OK;
}

void order_subject_put(const struct fleet *f, const struct subject *s, struct text *t)
{
    switch (s->kind) {
    case SUBJECT_IDC: text_put(t, f->idcs[s->a].name); return;
    case SUBJECT_SERVICE:
        text_put(t, f->services[s->a].name);
        text_put(t, "@");
        text_put(t, f->idcs[s->b].name);
        return;
    case SUBJECT_REGION:
        text_put(t, "region:");
        text_put(t, f->regions[s->a].name);
        return;
    case SUBJECT_ENTRANCE:
        text_put(t, "entrance:");
        text_put(t, f->entrances[s->a].name);
        return;
    case SUBJECT_FEATURES:
        text_put(t, f->regions[s->a].name);
        text_put(t, " ");
        text_put(t, f->services[s->b].name);
        return;
    case SUBJECT_CARRIER_AT:
        text_put(t, f->carriers[s->a].name);
        text_put(t, "@");
        text_put(t, f->idcs[s->b].name);
        return;
    case SUBJECT_LINK:
    case SUBJECT_CONDUIT:
    case SUBJECT_CARRIER:
    case SUBJECT_OBSERVER:
    case SUBJECT_PATH:
    case SUBJECT_BACKBONE:
    case SUBJECT_TARGET: break;
    }
}
