/* route_wire.c: the codec of the route helper's socket. */
#include "actuate/route_wire.h"

static void head_codec(struct codec *c, uint8_t operation)
{
    uint8_t version = ROUTE_WIRE_VERSION, found = operation;
    codec_u8(c, &version);
    codec_u8(c, &found);
    if (c->mode != CODEC_READ || c->status != OK)
        return;
    if (version != ROUTE_WIRE_VERSION)
        codec_fail(c, ERR_VERSION);
    else if (found != operation)
        codec_fail(c, ERR_INVALID);
}

static void address_codec(struct codec *c, struct address *a)
{
    codec_u8(c, &a->family);
    codec_bytes(c, a->bytes, sizeof(a->bytes));
    if (c->mode == CODEC_READ && a->family != 4 && a->family != 6)
        codec_fail(c, ERR_INVALID);
}

static void prefix_codec(struct codec *c, struct prefix *p)
{
    address_codec(c, &p->address);
    codec_u8(c, &p->length);
    if (c->mode == CODEC_READ && p->length > (p->address.family == 4 ? 32 : 128))
        codec_fail(c, ERR_INVALID);
}

static void hops_of_prefix_codec(struct codec *c, struct route_prefix *p, uint32_t gateway_count)
{
    prefix_codec(c, &p->prefix);
    codec_u8(c, &p->count);
    if (c->mode == CODEC_READ && (p->count == 0 || p->count > FLEET_MAX_HOPS))
        codec_fail(c, ERR_INVALID);
    for (uint8_t i = 0; c->status == OK && i < p->count; i++) {
        codec_u16(c, &p->gateways[i]);
        if (c->mode == CODEC_READ && p->gateways[i] >= gateway_count)
            codec_fail(c, ERR_INVALID);
    }
}

static void announcements_codec(struct codec *c, struct route_request *r)
{
    bool more =
        c->mode == CODEC_READ ? c->status == OK && c->pos < c->size : r->announcement_count > 0;
    if (!more)
        return;
    codec_count(c, &r->announcement_count, ROUTE_MAX_ANNOUNCED);
    if (r->announcement_count == 0)
        codec_fail(c, ERR_INVALID);
    if (!codec_array(c, (void **)&r->announcements, r->announcement_count,
                     sizeof(*r->announcements)))
        return;
    for (uint32_t i = 0; i < r->announcement_count; i++) {
        prefix_codec(c, &r->announcements[i].prefix);
        codec_bool(c, &r->announcements[i].on);
    }
}

void route_request_codec(struct codec *c, struct route_request *r)
{
    head_codec(c, ROUTE_SET);
    codec_u64(c, &r->id);
    fence_codec(c, &r->fence);
    codec_count(c, &r->gateway_count, ROUTE_MAX_GATEWAYS);
    if (!codec_array(c, (void **)&r->gateways, r->gateway_count, sizeof(*r->gateways)))
        return;
    for (uint32_t i = 0; i < r->gateway_count; i++) {
        codec_string(c, r->gateways[i].interface, sizeof(r->gateways[i].interface));
        address_codec(c, &r->gateways[i].address);
    }
    codec_count(c, &r->prefix_count, ROUTE_MAX_PREFIXES);
    if (!codec_array(c, (void **)&r->prefixes, r->prefix_count, sizeof(*r->prefixes)))
        return;
    for (uint32_t i = 0; i < r->prefix_count; i++)
        hops_of_prefix_codec(c, &r->prefixes[i], r->gateway_count);
    announcements_codec(c, r);
    if (c->mode == CODEC_READ && r->fence.era == 0)
        codec_fail(c, ERR_INVALID);
}

void inject_request_codec(struct codec *c, struct inject_request *r)
{
    head_codec(c, ROUTE_INJECT);
    codec_u64(c, &r->id);
    codec_u32(c, &r->for_ms);
    codec_count(c, &r->count, ROUTE_MAX_GATEWAYS);
    if (c->mode == CODEC_READ && r->for_ms > INJECT_MAX_MS)
        codec_fail(c, ERR_TOO_LARGE);
    for (uint32_t i = 0; c->status == OK && i < r->count; i++)
        codec_string(c, r->interfaces[i], sizeof(r->interfaces[i]));
}

void route_ask_codec(struct codec *c, uint64_t *id)
{
    head_codec(c, ROUTE_ASK);
    codec_u64(c, id);
}

enum route_operation route_operation(const uint8_t *bytes, size_t size)
{
    bool known = size >= 2 && bytes[0] == ROUTE_WIRE_VERSION && bytes[1] <= ROUTE_HOLD;
    return known ? (enum route_operation)bytes[1] : ROUTE_NOTHING;
}

static void hold_codec(struct codec *c, struct fence_hold *h)
{
    codec_u32(c, &h->id);
    codec_string(c, h->who, sizeof(h->who));
    codec_string(c, h->why, sizeof(h->why));
}

void hold_request_codec(struct codec *c, struct hold_request *r)
{
    char text[HOLD_TEXT_SIZE];
    uint8_t place = r->order.place ? 1 : 0;
    head_codec(c, ROUTE_HOLD);
    codec_u64(c, &r->id);
    codec_u8(c, &place);
    hold_codec(c, &r->order.hold);
    if (c->mode != CODEC_READ || c->status != OK)
        return;
    r->order.place = place == 1;
    if (place > 1 || r->order.hold.id == 0 ||
        (place == 1 && hold_text_format(&r->order.hold, text) < 0))
        codec_fail(c, ERR_INVALID);
}

void route_reply_codec(struct codec *c, struct route_reply *r)
{
    head_codec(c, ROUTE_REPLY);
    codec_u64(c, &r->id);
    int64_t status = r->status;
    codec_i64(c, &status);
    if (c->mode == CODEC_READ) {
        if (status > 0 || status < INT32_MIN)
            codec_fail(c, ERR_INVALID);
        else
            r->status = (int32_t)status;
    }
    fence_codec(c, &r->found);
    hold_codec(c, &r->hold);
    codec_string(c, r->detail, sizeof(r->detail));
}
