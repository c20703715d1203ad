/* fold_snapshot.c: the control state that a SNAPSHOT carries, taken out and proven whole. */
#include "fold/fold_internal.h"

#include <string.h>

size_t snapshot_arena_size(const struct fleet *f)
{
    return control_arena_size(f) + fleet_encoded_size(f) + 64;
}

/* The head of a control state names fleet, fixed values and demand by their digests, which the
 * control digest covers instead of them: they must be those of the contents. */
static int contents_match(const struct control *c, struct arena *a)
{
    size_t size = fleet_encoded_size(c->fleet);
    uint8_t *bytes = ARENA_NEW(a, uint8_t, size);
    if (bytes == NULL) {
        return ERR_FULL;
    }
    struct codec w = codec_writer(bytes, size);
    fleet_codec(&w, c->fleet);
    if (codec_finish(&w) != OK) {
        return ERR_INVALID;
    }
    struct digest fleet = sha256_of(bytes, size), fixed = fixed_digest(c);
    struct digest demand = demand_digest(c);
    bool same = digest_compare(&fleet, &c->fleet_digest) == 0 &&
                digest_compare(&fixed, &c->fixed_digest) == 0 &&
                digest_compare(&demand, &c->demand_digest) == 0;
    return same && control_broken(c) == NULL ? OK : ERR_INVALID;
}

int snapshot_read(const struct record *r, struct arena *a, struct control *ret_c)
{
    struct control c;
    control_init(&c);
    struct codec in = codec_reader(r->snapshot.control.at, r->snapshot.control.size, a);
    control_codec(&in, &c);
    int status = codec_finish(&in);
    if (status != OK) {
        return status == ERR_FULL ? ERR_FULL : ERR_INVALID;
    }
    bool of_record = c.fleet != NULL && c.applied == r->base && r->epoch == c.epoch &&
                     memcmp(c.log_id.bytes, r->log_id.bytes, sizeof c.log_id.bytes) == 0;
    status = of_record ? contents_match(&c, a) : ERR_INVALID;
    if (status == OK) {
        *ret_c = c;
    }
    return status;
}
