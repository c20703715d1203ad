/* local.c: frames between a probe and its spillwayd, one description for both directions. */
#include "wire/local.h"

#include <assert.h>

/* The body after the type byte, in either direction. */
static void body_codec(struct codec *c, struct local_message *m)
{
    switch (m->type) {
    case LOCAL_UNKNOWN: codec_fail(c, ERR_INVALID); break;
    case LOCAL_FLEET:
        codec_u16(c, &m->fleet.idc);
        if (c->status == OK && m->fleet.idc >= FLEET_MAX_IDCS) {
            codec_fail(c, ERR_INVALID);
        }
        if (c->mode == CODEC_READ && c->status == OK) {
            m->fleet.fleet = (struct bytes){c->at + c->pos, c->size - c->pos};
            c->pos = c->size;
        } else if (c->mode != CODEC_READ) {
            /* codec_bytes does not write through the pointer in this direction. */
            codec_bytes(c, (void *)(uintptr_t)m->fleet.fleet.at, m->fleet.fleet.size);
        }
        break;
    case LOCAL_EDGE:
        codec_u16(c, &m->edge.link);
        codec_u8(c, &m->edge.end);
        codec_bool(c, &m->edge.down);
        codec_i64(c, &m->edge.held_us);
        if (c->status == OK &&
            (m->edge.link >= FLEET_MAX_LINKS || m->edge.end > 1 || m->edge.held_us < 0)) {
            codec_fail(c, ERR_INVALID);
        }
        break;
    case LOCAL_INJECT:
        codec_i64(c, &m->inject.for_us);
        codec_bool(c, &m->inject.mute);
        codec_u16(c, &m->inject.view);
        codec_u32(c, &m->inject.factor_ppm);
        if (m->inject.for_us < 0 || m->inject.for_us > US_MAX) {
            codec_fail(c, ERR_INVALID);
        }
        break;
    }
}

static void frame_codec(struct codec *c, const struct local_message *m, uint32_t length)
{
    struct local_message copy = *m; /* codecs take pointers that reading may change */
    uint8_t type = (uint8_t)m->type;
    codec_u32(c, &length);
    codec_u8(c, &type);
    body_codec(c, &copy);
}

size_t local_encoded_size(const struct local_message *m)
{
    struct codec c = codec_measure();
    frame_codec(&c, m, 0);
    return c.pos;
}

int local_encode(const struct local_message *m, uint8_t *room, size_t size, size_t *ret_size)
{
    size_t need = local_encoded_size(m);
    if (need > LOCAL_MAX_FRAME) {
        return ERR_TOO_LARGE;
    }
    struct codec c = codec_writer(room, size);
    frame_codec(&c, m, (uint32_t)(need - sizeof(uint32_t)));
    int status = codec_finish(&c);
    if (status == OK) {
        assert(c.pos == need);
        *ret_size = c.pos;
    }
    return status;
}

int local_frame_size(const uint8_t *data, size_t size, size_t *ret_size)
{
    if (size < LOCAL_HEADER_SIZE) {
        return ERR_TRUNCATED;
    }
    struct codec c = codec_reader(data, LOCAL_HEADER_SIZE, NULL);
    uint32_t length;
    codec_u32(&c, &length);
    if (length == 0) {
        return ERR_INVALID;
    }
    if (length > LOCAL_MAX_FRAME - sizeof(uint32_t)) {
        return ERR_TOO_LARGE;
    }
    *ret_size = length + sizeof(uint32_t);
    return OK;
}

int local_decode(const uint8_t *data, size_t size, struct local_message *ret_m, size_t *ret_used)
{
    size_t frame;
    int status = local_frame_size(data, size, &frame);
    if (status != OK) {
        return status;
    }
    if (size < frame) {
        return ERR_TRUNCATED;
    }
    uint8_t type = data[sizeof(uint32_t)];
    struct local_message m = {.type = LOCAL_UNKNOWN};
    if (type >= LOCAL_FLEET && type <= LOCAL_INJECT) {
        m.type = (enum local_type)type;
        struct codec c = codec_reader(data + LOCAL_HEADER_SIZE, frame - LOCAL_HEADER_SIZE, NULL);
        body_codec(&c, &m);
        status = codec_finish(&c);
        if (status != OK) {
            /* The frame is complete: a body that ends early is damage, not a reason to wait. */
            return status == ERR_TRUNCATED ? ERR_INVALID : status;
        }
    }
    *ret_m = m;
    *ret_used = frame;
    return OK;
}
