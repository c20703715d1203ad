/* codec.h: the canonical binary form, written once for both directions.
 *
 * A codec either writes, reads or measures. A function that describes a structure calls the same
 * codec_* functions whatever the direction, so encoder and decoder cannot drift apart:
 *
 *     void fence_codec(struct codec *c, struct fence *f) { codec_u64(c, &f->era); ... }
 *
 * Integers are little endian and of fixed width. The first failure sticks: later calls do nothing,
 * and in reading they leave zero. Reading data from outside never asserts. */
#ifndef SPILLWAY_BASE_CODEC_H
#define SPILLWAY_BASE_CODEC_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum codec_mode { CODEC_WRITE, CODEC_READ, CODEC_MEASURE };

struct codec {
    enum codec_mode mode;
    uint8_t *at;         /* room to write, or bytes to read (never written when reading) */
    size_t size;         /* bytes of room or data; ignored when measuring */
    size_t pos;          /* bytes written, read or measured so far */
    int status;          /* OK or the first error */
    struct arena *arena; /* where reading allocates arrays; NULL when nothing does */
};

struct codec codec_writer(void *room, size_t size);
struct codec codec_reader(const void *data, size_t size, struct arena *arena);
struct codec codec_measure(void);

void codec_u8(struct codec *c, uint8_t *v);
void codec_u16(struct codec *c, uint16_t *v);
void codec_u32(struct codec *c, uint32_t *v);
void codec_u64(struct codec *c, uint64_t *v);
void codec_i64(struct codec *c, int64_t *v);
void codec_bool(struct codec *c, bool *v);
/* An enumeration as one byte; gives it back. Reading refuses what is above last (ERR_INVALID, 0).
 */
uint8_t codec_choice(struct codec *c, unsigned value, unsigned last);
/* Exactly n bytes. */
void codec_bytes(struct codec *c, void *bytes, size_t n);
/* A NUL-terminated string in a field of size bytes; longer input is ERR_TOO_LARGE. The rest of the
 * field is zeroed in reading, so equal structures have equal bytes. */
void codec_string(struct codec *c, char *field, size_t size);
/* A count that must be at most max (else ERR_TOO_LARGE). */
void codec_count(struct codec *c, uint32_t *n, uint32_t max);
/* Reading: allocates count * size zeroed bytes from the arena into *array. False after a failure:
 * then the caller must not touch the array. */
bool codec_array(struct codec *c, void **array, size_t count, size_t size) MUST_CHECK;
/* Records a failure found by the caller; keeps the first. */
void codec_fail(struct codec *c, int status);
/* OK when everything went well and, in reading, all bytes were consumed (else ERR_INVALID). */
int codec_finish(const struct codec *c) MUST_CHECK;

#endif
