/* transfers.c: people who have the leader give its lead, to candidates that may not be there to
 * take it; and its oracle: a lead that nobody takes is taken back. */
#include "sim.h"

#include <string.h>

#define BETWEEN_US (10 * US_PER_SEC)
#define PAUSED_US  (20 * US_PER_SEC) /* longer than a lead may be given in vain */
#define SLACK_US   (2 * US_PER_SEC)

/* A leader gives its lead for three leases; its last word of that may be two on its way. */
enum { LEASES_GIVEN = 3, LEASES_UNDERWAY = 2 };

/* Its own dice, so that other seeds mean what they meant. */
void transfers_start(struct sim *s)
{
    struct transfers *t = &s->transfers;
    t->rng = rng_init(s->seed ^ UINT64_C(0x6c656164));
    t->on = !s->script.on && rng_chance(&t->rng, 250000);
    t->next_us = (int64_t)rng_below(&t->rng, BETWEEN_US);
    t->offset = t->yields_us = -1;
}

void transfers_tick(struct sim *s)
{
    struct transfers *t = &s->transfers;
    if (!t->on || s->healed || s->now_us < t->next_us) {
        return;
    }
    uint16_t to = (uint16_t)rng_below(&t->rng, s->fleet->idc_count);
    uint16_t by = (uint16_t)rng_below(&t->rng, s->fleet->idc_count);
    uint64_t id = rng_next(&t->rng), how = rng_below(&t->rng, 3);
    struct operator_record o = {.command = OPERATOR_TRANSFER, .identity = "grace", .reason = "why"};
    memcpy(o.request.bytes, &id, sizeof id);
    if (how > 0) {
        o.subject = (struct subject){SUBJECT_IDC, to, 0};
    }
    if (how > 1) {
        s->nodes[to].paused_until_us = s->now_us + PAUSED_US;
        sim_trace(s, "node %u stands still, and is to lead", to);
    }
    node_request(s, by, &o);
    t->next_us = s->now_us + (int64_t)rng_below(&t->rng, BETWEEN_US);
}

void transfers_record(struct sim *s, const struct record *r, int64_t offset)
{
    struct transfers *t = &s->transfers;
    int64_t bound_us = (LEASES_GIVEN + LEASES_UNDERWAY) * s->fleet->policy.lease_us + SLACK_US;
    if (r->kind == RECORD_OPERATOR && r->operator.command == OPERATOR_TRANSFER) {
        t->offset = offset;
        t->yields_us = -1;
    } else if (r->kind == RECORD_CLAIM) {
        t->offset = t->yields_us = -1;
    } else if (r->kind == RECORD_HEARTBEAT && r->heartbeat.yield && t->offset >= 0 &&
               r->base >= t->offset) {
        t->yields_us = t->yields_us < 0 ? s->now_us : t->yields_us;
        if (s->now_us - t->yields_us > bound_us) {
            sim_fail(s, "record %lld still gives the lead away that nobody took since %lld s",
                     (long long)offset, (long long)(t->yields_us / US_PER_SEC));
        }
    }
}
