/* drills.c: people who run drills on links while the world goes on, and what a drill owes to a real
 * incident. */
#include "sim.h"

#include "config/drill_config.h"
#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_US   (5 * US_PER_SEC) /* the fleet is quiet and its leader no longer cold */
#define BETWEEN_US (15 * US_PER_SEC)

static const char *const NAMES[] = {"fibre-cut", "conduit-cut"};

bool drills_read(const char *name, struct drill *ret_drill)
{
    char path[512], *text = NULL;
    size_t len;
    struct config_errors errs = {0};
    (void)snprintf(path, sizeof path, "%s/%s.yaml", DRILLS, name);
    int status = config_file_read(path, CONFIG_DRILL_MAX_BYTES, &text, &len, &errs);
    status = status == OK ? config_drill_parse(text, len, ret_drill, &errs) : status;
    config_errors_print(&errs, path, stderr);
    config_errors_done(&errs);
    free(text);
    return status == OK;
}

/* Its own dice, so that other seeds mean what they meant. */
void drills_start(struct sim *s)
{
    struct drills *d = &s->drills;
    d->rng = rng_init(s->seed ^ UINT64_C(0x6472696c6c73));
    s->swarm.drills = !s->script.on && rng_chance(&d->rng, 300000);
    d->next_us = FIRST_US + (int64_t)rng_below(&d->rng, FIRST_US);
    if (!s->swarm.drills) {
        return;
    }
    script_start(s);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (!drills_read(NAMES[i], &d->books[i])) {
            sim_fail(s, "there is no drill %s", NAMES[i]);
        }
    }
}

/* False: the fleet has nothing of the kind. */
static bool draw_target(struct sim *s, const struct drill *book, struct drill_target *ret_target)
{
    const struct fleet *f = s->fleet;
    bool conduit = book->on == DRILL_ON_CONDUIT;
    uint16_t count = conduit ? f->conduit_count : f->link_count;
    *ret_target = (struct drill_target){.index = (uint16_t)rng_below(&s->drills.rng, count),
                                        .at = FLEET_NONE};
    return count > 0 && drill_target_exists(f, book->on, ret_target);
}

static void ask(struct sim *s)
{
    struct rng *r = &s->drills.rng;
    const struct drill *book = &s->drills.books[rng_below(r, 2)];
    uint8_t bytes[DRILL_MAX_BYTES];
    struct operator_record o = {.identity = "bob", .reason = "a drill", .command = OPERATOR_DRILL};
    uint64_t id = rng_next(r);
    memcpy(o.request.bytes, &id, sizeof id);
    uint16_t node = (uint16_t)rng_below(r, s->fleet->idc_count);
    bool exists = draw_target(s, book, &o.target);
    if (drill_under_way(&s->reference.drill) && rng_chance(r, 200000)) {
        o.command = OPERATOR_ABORT;
        o.argument = s->reference.drill.id;
    } else if (!exists) {
        return;
    }
    struct drill copy = *book;
    struct codec c = codec_writer(bytes, sizeof bytes);
    drill_codec(&c, &copy);
    o.drill = o.command == OPERATOR_DRILL ? (struct bytes){bytes, c.pos} : (struct bytes){0};
    sim_trace(s, "bob asks node %u for %s", node,
              o.command == OPERATOR_ABORT ? "the drill's end" : book->name);
    node_request(s, node, &o);
}

void drills_tick(struct sim *s)
{
    if (!s->swarm.drills) {
        return;
    }
    script_answer_injections(s);
    if (!s->healed && s->drills.next_us <= s->now_us) {
        s->drills.next_us = s->now_us + (int64_t)rng_below(&s->drills.rng, BETWEEN_US);
        ask(s);
    }
}

/* --- Law 11 -------------------------------------------------------------------------------------
 */

/* Nothing that a cut link or conduit can bring about. */
static bool is_real(const struct sim *s, const struct incident *n)
{
    const struct drill_run *run = &s->reference.drill;
    switch (n->kind) {
    case INCIDENT_IDC_OUTAGE:
    case INCIDENT_REGION_DISASTER:
    case INCIDENT_CARRIER_OUTAGE: break;
    case INCIDENT_LINK_CUT: {
        const struct conduit *at = &s->fleet->conduits[run->target.index];
        bool struck = run->drill.on == DRILL_ON_LINK && n->subject.a == run->target.index;
        for (uint32_t i = 0; run->drill.on == DRILL_ON_CONDUIT && i < at->link_count; i++) {
            struck = struck || at->links[i] == n->subject.a;
        }
        if (struck) {
            return false;
        }
        break;
    }
    case INCIDENT_CONDUIT_CUT:
    case INCIDENT_IDC_ISOLATED:
    case INCIDENT_GRAY_FAILURE:
    case INCIDENT_OVERLOAD:
    case INCIDENT_BLIND_OBSERVER:
    case INCIDENT_HELD:
    case INCIDENT_SPLIT_FENCE: return false;
    }
    return n->state == INCIDENT_CONFIRMED || n->state == INCIDENT_MITIGATED;
}

/* As the decision leaves it. */
static const struct incident *after(const struct decide *d, const struct incident *n)
{
    for (uint32_t i = 0; i < d->incident_count; i++) {
        if (d->incidents[i].id == n->id) {
            return &d->incidents[i];
        }
    }
    return n;
}

const char *drills_broken(const struct sim *s, const struct decide *d)
{
    bool goes_on = d->drill.state == DRILL_RUNNING || d->drill.state == DRILL_PASSED;
    bool real = false;
    for (uint32_t i = 0; s->swarm.drills && i < s->reference.incident_count; i++) {
        real = real || is_real(s, after(d, &s->reference.incidents[i]));
    }
    for (uint32_t i = 0; s->swarm.drills && i < d->incident_count; i++) {
        real = real || is_real(s, &d->incidents[i]);
    }
    return goes_on && real ? "goes on with a drill beside a real incident (law 11)" : NULL;
}
