/* codec.c: little-endian fixed-width fields with a sticky error. */
#include "base/codec.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

struct codec codec_writer(void *room, size_t size)
{
    return (struct codec){.mode = CODEC_WRITE, .at = room, .size = size};
}

struct codec codec_reader(const void *data, size_t size, struct arena *arena)
{
    /* The cast drops const, but CODEC_READ never writes through it. */
    return (struct codec){
        .mode = CODEC_READ, .at = (uint8_t *)(uintptr_t)data, .size = size, .arena = arena};
}

struct codec codec_measure(void)
{
    return (struct codec){.mode = CODEC_MEASURE, .size = SIZE_MAX};
}

void codec_fail(struct codec *c, int status)
{
    assert(status != OK);
    if (c->status == OK) {
        c->status = status;
    }
}

/* Claims n bytes; NULL when there are none to touch (failure, or measuring). */
static uint8_t *claim(struct codec *c, size_t n)
{
    if (c->status != OK) {
        return NULL;
    }
    if (c->size - c->pos < n) {
        codec_fail(c, c->mode == CODEC_READ ? ERR_TRUNCATED : ERR_FULL);
        return NULL;
    }
    uint8_t *p = c->mode == CODEC_MEASURE ? NULL : c->at + c->pos;
    c->pos += n;
    return p;
}

/* The low n bytes of *v in the codec's direction; returns the value to store. */
static uint64_t integer(struct codec *c, uint64_t v, size_t n)
{
    uint8_t *p = claim(c, n);
    if (c->mode == CODEC_READ) {
        v = 0;
    }
    for (size_t i = 0; p != NULL && i < n; i++) {
        if (c->mode == CODEC_READ) {
            v |= (uint64_t)p[i] << (8 * i);
        } else {
            p[i] = (uint8_t)(v >> (8 * i));
        }
    }
    return v;
}

void codec_u8(struct codec *c, uint8_t *v)
{
    *v = (uint8_t)integer(c, *v, 1);
}

void codec_u16(struct codec *c, uint16_t *v)
{
    *v = (uint16_t)integer(c, *v, 2);
}

void codec_u32(struct codec *c, uint32_t *v)
{
    *v = (uint32_t)integer(c, *v, 4);
}

void codec_u64(struct codec *c, uint64_t *v)
{
    *v = integer(c, *v, 8);
}

void codec_i64(struct codec *c, int64_t *v)
{
    *v = (int64_t)integer(c, (uint64_t)*v, 8);
}

void codec_bool(struct codec *c, bool *v)
{
    uint8_t byte = c->mode != CODEC_READ && *v ? 1 : 0; /* what is to be read may be anything */
    codec_u8(c, &byte);
    if (byte > 1) {
        codec_fail(c, ERR_INVALID);
    }
    *v = byte == 1;
}

uint8_t codec_choice(struct codec *c, unsigned value, unsigned last)
{
    uint8_t byte = (uint8_t)value;
    codec_u8(c, &byte);
    if (byte > last) {
        codec_fail(c, ERR_INVALID);
        return 0;
    }
    return byte;
}

void codec_bytes(struct codec *c, void *bytes, size_t n)
{
    uint8_t *p = claim(c, n);
    if (c->mode == CODEC_READ && p != NULL) {
        memcpy(bytes, p, n);
    } else if (c->mode == CODEC_READ) {
        memset(bytes, 0, n);
    } else if (p != NULL) {
        memcpy(p, bytes, n);
    }
}

void codec_string(struct codec *c, char *field, size_t size)
{
    assert(size > 0);
    uint32_t n = c->mode == CODEC_READ ? 0 : (uint32_t)text_length(field);
    codec_count(c, &n, (uint32_t)size - 1);
    if (c->mode == CODEC_READ) {
        memset(field, 0, size);
    }
    codec_bytes(c, field, n);
    if (c->mode == CODEC_READ && n > 0 && memchr(field, 0, n) != NULL) {
        codec_fail(c, ERR_INVALID);
    }
}

void codec_count(struct codec *c, uint32_t *n, uint32_t max)
{
    codec_u32(c, n);
    if (*n > max) {
        codec_fail(c, ERR_TOO_LARGE);
    }
    if (c->status != OK && c->mode == CODEC_READ) {
        *n = 0;
    }
}

bool codec_array(struct codec *c, void **array, size_t count, size_t size)
{
    if (c->mode == CODEC_READ && c->status == OK) {
        *array = c->arena != NULL ? arena_alloc(c->arena, count, size) : NULL;
        if (*array == NULL) {
            codec_fail(c, ERR_FULL);
        }
    }
    return c->status == OK;
}

int codec_finish(const struct codec *c)
{
    if (c->status == OK && c->mode == CODEC_READ && c->pos != c->size) {
        return ERR_INVALID;
    }
    return c->status;
}
