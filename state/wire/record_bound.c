/* record_bound.c: how large a record of a fleet can get: the sum of its largest parts, rounded up.
 */
#include "model/control.h"
#include "wire/record.h"

enum {
    ENVELOPE = 256,                     /* fields around the body, and lengths of fields in it */
    TEXTS = 2 * (RECORD_TEXT_SIZE + 4), /* identity and reason */
    VARINT = 10,                        /* longest */
    DIGEST = DIGEST_SIZE + 4,
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t answer_size(uint16_t slots)
{
    return 4 + (size_t)slots * 4;
}

static const size_t hops_size = 4 + FLEET_MAX_HOPS * 2;

/* All answers of one service, once. */
static size_t answers_size(const struct fleet *f)
{
    size_t size = 0;
    for (uint16_t i = 0; i < f->view_count; i++) {
        size += answer_size(f->views[i].slots);
    }
    return size;
}

/* Canonical plan. */
static size_t plan_size(const struct fleet *f)
{
    return 64 + f->service_count * answers_size(f) +
           (size_t)f->idc_count * f->idc_count * hops_size +
           2 * (size_t)f->link_count * sizeof(uint32_t) +
           (size_t)f->region_count * f->service_count + (size_t)f->service_count * f->idc_count;
}

/* A change of every place of a plan, with its order or without. */
static size_t changes_size(const struct fleet *f)
{
    static const size_t change = 8 + 4; /* kind, a, b; order */
    size_t answers = f->service_count * (f->view_count * change + 2 * answers_size(f));
    size_t hops = (size_t)f->idc_count * f->idc_count * (change + 2 * hops_size);
    size_t others = (2 * (size_t)f->link_count + (size_t)f->region_count * f->service_count +
                     fleet_announce_bound(f)) *
                    (change + 2 * sizeof(uint32_t));
    return min_size(answers + hops + others,
                    RECORD_MAX_CHANGES * (change + 2 * answer_size(FLEET_MAX_SLOTS)));
}

/* Canonical control state, the fleet included. Entry sizes are those of the structures in memory,
 * which are never smaller than their canonical forms plus counts. */
static size_t control_size(const struct fleet *f)
{
    size_t per_idc = sizeof(struct writer_state) + sizeof(struct alive_state) +
                     2 * sizeof(struct actuation_state);
    return sizeof(struct control) + 4096 + fleet_encoded_size(f) + plan_size(f) +
           f->idc_count * per_idc +
           2 * (size_t)f->link_count * (sizeof(uint32_t) + sizeof(struct logtime)) +
           f->dns_server_count * sizeof(struct actuation_state) + changes_size(f) +
           (size_t)f->service_count * f->view_count * (sizeof(uint32_t) + sizeof(struct demand));
}

static size_t decide_size(const struct fleet *f)
{
    size_t evidence = f->idc_count * (3 + VARINT + VARINT);
    size_t verdicts = (size_t)f->link_count + f->conduit_count + f->carrier_count +
                      2 * f->idc_count + (size_t)f->service_count * f->idc_count + f->region_count;
    return DIGEST + evidence + min_size(verdicts, RECORD_MAX_VERDICTS) * (8 + 6 * VARINT) +
           record_max_demands(f) * (3 + 3 + 2 * VARINT) + RECORD_MAX_GUARDS * 10 +
           INCIDENT_MAX * sizeof(struct incident) + TEXTS +
           changes_size(f); /* and so the OPERATOR that undoes it */
}

/* A rescue must fit into one DECIDE: every answer, release, tier limit and announcement at once.
 * Hops alone may be spread over several. */
static bool rescue_fits(const struct fleet *f)
{
    uint64_t n = (uint64_t)f->service_count * f->view_count + (uint64_t)2 * f->link_count +
                 (uint64_t)f->region_count * f->service_count + fleet_announce_bound(f);
    return n <= RECORD_MAX_CHANGES;
}

size_t record_size_bound(const struct fleet *f)
{
    if (!rescue_fits(f)) {
        return RECORD_MAX_BYTES + 1;
    }
    size_t genesis = TEXTS + fleet_encoded_size(f) + control_size(f) + plan_size(f);
    size_t decide = decide_size(f);
    return ENVELOPE + (genesis > decide ? genesis : decide);
}
