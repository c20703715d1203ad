/* intake.h: the newest report of each observer, its age, and whether one may conclude from it
 * (PROTOCOL.md, "Evidence"). */
#ifndef SPILLWAY_CORE_INTAKE_H
#define SPILLWAY_CORE_INTAKE_H

#include "core/diagnose.h"

/* What is known of one report partition. */
struct seat {
    struct report report; /* its arrays in memory of the intake's own; sequence 0: none yet */
    uint32_t room;        /* observations that its target list has */
    uint32_t load_room;   /* services there that tell their load */
    int64_t offset;
    struct mono arrived;
    /* Least (arrival - send) of the incarnation, followed upwards at the rate at which two honest
     * clocks may drift apart: else a slow clock would make every report look old after a day. */
    int64_t transit_us;
    struct mono transit_at;
    bool ended;               /* read to its end since the last silence ... */
    bool conclusive;          /* ... and a newer report after it */
    bool reading;             /* it can be read */
    struct mono unread_since; /* while not reading */
};

struct intake {
    uint16_t count; /* idcs */
    struct seat *seats;
    struct evidence *evidence; /* for intake_evidence */
};

size_t intake_arena_size(const struct fleet *f);
int intake_new(const struct fleet *f, struct arena *a, struct mono now,
               struct intake *ret_in) MUST_CHECK;
/* Takes the report of the observer at idc. True: it is news. False: foreign, old or of another
 * fleet, and dropped. */
bool intake_report(struct intake *in, const struct control *c, uint16_t idc, const struct report *r,
                   int64_t offset, struct mono now);
void intake_ended(struct intake *in, uint16_t idc);
void intake_lost(struct intake *in, uint16_t idc, struct mono now);
/* Silence of everything (bus away, or this process stood still): concludes from nobody until each
 * partition was read to its end again and spoke after it. */
void intake_silence(struct intake *in);
/* Every partition can be read and was read to its end. */
bool intake_warm(const struct intake *in);
/* Some partition could not be read for as long as us. */
bool intake_unread_for(const struct intake *in, int64_t us, struct mono now);
/* [idc], valid until the next call. */
const struct evidence *intake_evidence(struct intake *in, struct mono now);

#endif
