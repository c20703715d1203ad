/* order.c: what each kind of order may be about, and what it covers. */
#include "model/order.h"

const char *order_kind_name(enum order_kind k)
{
    switch (k) {
    case ORDER_DRAIN: return "drain";
    case ORDER_DEMOTE: return "demote";
    case ORDER_PIN: return "pin";
    case ORDER_FREEZE: return "freeze";
    case ORDER_UNDO: return "undo";
    case ORDER_FLEET: return "fleet";
    }
    return "?";
}

enum order_kind order_of_command(enum operator_command c)
{
    switch (c) {
    case OPERATOR_DRAIN: return ORDER_DRAIN;
    case OPERATOR_DEMOTE: return ORDER_DEMOTE;
    case OPERATOR_PIN: return ORDER_PIN;
    case OPERATOR_FREEZE: return ORDER_FREEZE;
    case OPERATOR_UNDO: return ORDER_UNDO;
    case OPERATOR_APPROVE:
    case OPERATOR_RELEASE:
    case OPERATOR_SKIP:
    case OPERATOR_UNDRAIN:
    case OPERATOR_PROMOTE:
    case OPERATOR_DRILL:
    case OPERATOR_ABORT:
    case OPERATOR_HOLD:
    case OPERATOR_UNHOLD:
    case OPERATOR_FLEET:
    case OPERATOR_TRANSFER: break;
    }
    return 0;
}

bool subject_exists(const struct fleet *f, const struct subject *s)
{
    switch (s->kind) {
    case SUBJECT_LINK: return s->a < f->link_count;
    case SUBJECT_CONDUIT: return s->a < f->conduit_count;
    case SUBJECT_CARRIER: return s->a < f->carrier_count;
    case SUBJECT_IDC:
    case SUBJECT_OBSERVER:
    case SUBJECT_BACKBONE: return s->a < f->idc_count;
    case SUBJECT_SERVICE: return s->a < f->service_count && s->b < f->idc_count;
    case SUBJECT_REGION: return s->a < f->region_count;
    case SUBJECT_ENTRANCE: return s->a < f->entrance_count;
    case SUBJECT_FEATURES: return s->a < f->region_count && s->b < f->service_count;
    case SUBJECT_CARRIER_AT: return s->a < f->carrier_count && s->b < f->idc_count;
    case SUBJECT_PATH: return s->a < f->entrance_count && s->b < f->carrier_count;
    case SUBJECT_TARGET:
        return s->a == ACTUATOR_DNS
                   ? s->b < f->dns_server_count
                   : (s->a == ACTUATOR_ROUTES || s->a == ACTUATOR_FEATURES) && s->b < f->idc_count;
    }
    return (unsigned)s->kind == 0;
}

static bool is_place(enum subject_kind k)
{
    return k == SUBJECT_IDC || k == SUBJECT_SERVICE || k == SUBJECT_ENTRANCE ||
           k == SUBJECT_CARRIER_AT;
}

bool order_subject_fits(const struct fleet *f, enum order_kind k, const struct subject *s)
{
    if (!subject_exists(f, s)) {
        return false;
    }
    switch (k) {
    case ORDER_DRAIN: return is_place(s->kind);
    case ORDER_DEMOTE: return s->kind == SUBJECT_FEATURES;
    case ORDER_PIN: return is_place(s->kind) || s->kind == SUBJECT_REGION;
    case ORDER_FREEZE:
    case ORDER_UNDO:
    case ORDER_FLEET: return (unsigned)s->kind == 0;
    }
    return false;
}

bool order_comes_home(enum order_kind k)
{
    switch (k) {
    case ORDER_DRAIN:
    case ORDER_DEMOTE:
    case ORDER_PIN: /* what it kept away may come now */
    case ORDER_UNDO:
    case ORDER_FLEET: return true;
    case ORDER_FREEZE: return false;
    }
    return false;
}

bool subject_covers(const struct fleet *f, const struct subject *s, uint16_t entrance,
                    uint16_t carrier)
{
    const struct entrance *e = &f->entrances[entrance];
    switch (s->kind) {
    case SUBJECT_IDC: return s->a == e->idc;
    case SUBJECT_SERVICE: return s->a == e->service && s->b == e->idc;
    case SUBJECT_REGION: return s->a == f->idcs[e->idc].region;
    case SUBJECT_ENTRANCE: return s->a == entrance;
    case SUBJECT_CARRIER_AT: return s->a == carrier && s->b == e->idc;
    case SUBJECT_LINK:
    case SUBJECT_CONDUIT:
    case SUBJECT_CARRIER:
    case SUBJECT_OBSERVER:
    case SUBJECT_FEATURES:
    case SUBJECT_PATH:
    case SUBJECT_BACKBONE:
    case SUBJECT_TARGET: return false;
    }
    return false;
}

bool order_moves(const struct fleet *f, const struct order *o, uint16_t entrance, uint16_t carrier)
{
    bool may =
        !f->services[f->entrances[entrance].service].stateful || o->subject.kind == SUBJECT_SERVICE;
    return o->kind == ORDER_DRAIN && !o->ended && may &&
           subject_covers(f, &o->subject, entrance, carrier);
}

uint8_t order_tier_limit(const struct fleet *f, const struct order *o)
{
    const struct service *s = &f->services[o->subject.b];
    uint8_t limit = 0;
    for (uint16_t i = 0; i < s->feature_count; i++) {
        uint8_t tier = s->features[i].tier;
        limit = tier < o->tier && tier > limit ? tier : limit;
    }
    return limit;
}

void order_codec(struct codec *c, struct order *o)
{
    uint8_t kind = (uint8_t)o->kind;
    codec_u32(c, &o->id);
    codec_u8(c, &kind);
    if (kind < ORDER_DRAIN || kind > ORDER_FLEET) {
        codec_fail(c, ERR_INVALID);
    }
    o->kind = (enum order_kind)kind;
    codec_bool(c, &o->ended);
    codec_u8(c, &o->tier);
    subject_codec(c, &o->subject);
    codec_i64(c, &o->since.us);
    codec_i64(c, &o->expires.us);
    codec_u64(c, &o->offset);
    codec_u64(c, &o->decision);
    codec_u32(c, &o->drill);
    codec_string(c, o->identity, sizeof o->identity);
    codec_string(c, o->reason, sizeof o->reason);
}

void fixed_codec(struct codec *c, struct fixed *x)
{
    codec_u32(c, &x->order);
    change_codec(c, &x->change);
}
