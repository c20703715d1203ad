/* fleet_stage.c: a world in which much is going on, and the command that gives it a new fleet. */
#include "fleet_stage.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct world *w;
struct operator_record command;

void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    world_run(w, 10 * US_PER_SEC, STEP_US, 0);
}

void teardown(void)
{
    free((void *)(uintptr_t)command.fleet.at);
    free((void *)(uintptr_t)command.plan.at);
    memset(&command, 0, sizeof command);
    world_free(w);
}

/* --- Giving a fleet -----------------------------------------------------------------------------
 */

static struct bytes planned(const struct control *c, const struct fleet *next, int *ret_status)
{
    size_t size = (plan_following_arena_size(c, next) + 15) & ~(size_t)15;
    struct arena a;
    struct plan plan;
    arena_init(&a, aligned_alloc(16, size), size);
    ck_assert_ptr_nonnull(a.base);
    *ret_status = plan_following(c, next, &a, &plan);
    struct bytes bytes = {0};
    if (*ret_status == OK) {
        bytes = plan_bytes(&plan);
    }
    free(a.base);
    return bytes;
}

/* The command as a daemon makes it, in `command`. */
int prepare(const struct fleet *next)
{
    int status;
    free((void *)(uintptr_t)command.fleet.at);
    free((void *)(uintptr_t)command.plan.at);
    memset(&command, 0, sizeof command);
    command.command = OPERATOR_FLEET;
    command.argument = (uint64_t)w->control.fleet_offset;
    command.replaces = w->control.fleet_digest;
    command.fleet = fleet_bytes(next);
    command.plan = planned(&w->control, next, &status);
    return status;
}

uint8_t *state_bytes(const struct control *c, size_t *ret_size)
{
    *ret_size = control_encoded_size(c);
    uint8_t *bytes = malloc(*ret_size);
    ck_assert_ptr_nonnull(bytes);
    struct control copy = *c;
    struct codec out = codec_writer(bytes, *ret_size);
    control_codec(&out, &copy);
    ck_assert_int_eq(codec_finish(&out), OK);
    return bytes;
}

/* What the command comes to, and what it leaves: a sound state, or the one from before. */
enum fold_void tried(struct control *ret_next, struct arena *a)
{
    size_t before_size, after_size;
    uint8_t *before = state_bytes(&w->control, &before_size);
    struct control next = w->control;
    enum fold_void why = FOLD_SKIPPED;
    int status = fold_fleet(&next, a, &command, w->offset, &why);
    ck_assert_msg(status == OK, "%s", error_text(status));
    if (why == FOLD_ACCEPTED) {
        ck_assert_int_eq(next.fleet_offset, w->offset);
        ck_assert_ptr_null(control_broken(&next));
    } else {
        ck_assert(memcmp(&next, &w->control, sizeof next) == 0);
    }
    uint8_t *after = state_bytes(&w->control, &after_size);
    ck_assert(before_size == after_size && memcmp(before, after, after_size) == 0);
    free(before);
    free(after);
    if (ret_next != NULL) {
        *ret_next = next;
    }
    return why;
}

void *room_for(const struct fleet *next, struct arena *a)
{
    size_t size = control_arena_size(next) + fleet_carry_arena_size(w->control.fleet);
    void *memory = aligned_alloc(16, (size + 15) & ~(size_t)15);
    ck_assert_ptr_nonnull(memory);
    arena_init(a, memory, size);
    return memory;
}

/* The whole way of `command`, without folding it. */
enum fold_void judged(const struct fleet *next)
{
    struct arena a;
    void *memory = room_for(next, &a);
    enum fold_void why = tried(NULL, &a);
    free(memory);
    return why;
}

/* A replica that was restored after the record has the same state as one that folded it. */
void same_when_restored(struct control *c)
{
    size_t size, again_size, arena = control_arena_size(c->fleet);
    c->applied = w->offset; /* as fold_apply() does */
    uint8_t *bytes = state_bytes(c, &size);
    struct arena a;
    struct control restored;
    arena_init(&a, aligned_alloc(16, (arena + 15) & ~(size_t)15), arena);
    ck_assert_ptr_nonnull(a.base);
    control_init(&restored);
    struct codec in = codec_reader(bytes, size, &a);
    control_codec(&in, &restored);
    ck_assert_int_eq(codec_finish(&in), OK);
    ck_assert_ptr_null(control_broken(&restored));
    uint8_t *again = state_bytes(&restored, &again_size);
    ck_assert(size == again_size && memcmp(bytes, again, size) == 0);
    free(again);
    free(a.base);
    free(bytes);
}

/* --- A world in which much is going on ----------------------------------------------------------
 */

void say(enum operator_command what, enum subject_kind kind, uint16_t a, uint16_t b, uint8_t tier)
{
    struct operator_record o = {.command = what, .subject = {kind, a, b}, .tier = tier};
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
}

static void tell_downs(void)
{
    for (uint16_t l = 0; l < 2; l++) {
        uint16_t idc = w->fleet->links[l].end[l].idc;
        struct record r = {.kind = RECORD_STEP};
        r.step = (struct step){
            .kind = STEP_LINK_DOWN, .link = l, .end = (uint8_t)l, .down_number = 5u + l};
        world_fold(w, idc, &r);
    }
    for (uint16_t i = 0; i < w->fleet->idc_count; i++) {
        struct record r = {.kind = RECORD_STEP};
        r.step = (struct step){.kind = STEP_ALIVE, .version = 1, .warm = i == 1};
        r.step.alive_base = w->control.applied - i;
        world_fold(w, i, &r);
    }
}

/* A person keeps values of three kinds: answers, a way, a limit. */
static void keep_values(void)
{
    const struct plan *p = &w->control.plan;
    struct change ch[4];
    memset(ch, 0, sizeof ch);
    for (uint16_t v = 0; v < 2; v++) { /* of two views: their order may turn round */
        ch[v] = (struct change){.kind = CHANGE_ANSWER, .a = WEB, .b = (uint16_t)(v + 1)};
        ch[v].answer.from = ch[v].answer.to = *plan_answer(p, WEB, ch[v].b);
        ch[v].answer.to.slots[0] = ch[v].answer.from.slots[1];
        ch[v].answer.to.slots[1] = ch[v].answer.from.slots[0];
    }
    ch[2] = (struct change){.kind = CHANGE_HOPS, .a = BEIJING, .b = SHENZHEN};
    ch[2].hops.from = ch[2].hops.to = *plan_hops(p, BEIJING, SHENZHEN);
    ck_assert_uint_eq(ch[2].hops.to.count, 2);
    ch[2].hops.to.links[0] = ch[2].hops.from.links[1];
    ch[2].hops.to.links[1] = ch[2].hops.from.links[0];
    ch[3] = (struct change){.kind = CHANGE_TIER, .a = 2, .b = LEDGER};
    ch[3].tier.from = *plan_tier_limit(p, 2, LEDGER);
    struct operator_record o = {.command = OPERATOR_UNDO, .argument = 1, .change_count = 4};
    o.changes = ch;
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.fixed_count, 4);
}

void settle(void)
{
    struct record r = {.kind = RECORD_STEP}; /* with a heartbeat before it */
    r.step = (struct step){.kind = STEP_ALIVE, .version = 1};
    world_fold(w, BEIJING, &r);
}

void make_busy(void)
{
    w->loads = LOADS_VIEWS;
    world_users(w, WEB, 150);
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->says[WEB * w->fleet->idc_count + x].saturation_ppm = 500000;
    }
    w->link_cut[world_link(w, "beijing-shenzhen")] = true;
    world_run(w, 20 * US_PER_SEC, STEP_US, 40);
    w->idc_dead[SHANGHAI] = true;
    world_run(w, 20 * US_PER_SEC, STEP_US, 40);
    say(OPERATOR_DEMOTE, SUBJECT_FEATURES, 0, WEB, 3);
    say(OPERATOR_PIN, SUBJECT_REGION, 2, 0, 0);
    say(OPERATOR_DRAIN, SUBJECT_SERVICE, LEDGER, SHENZHEN, 0);
    tell_downs();
    keep_values();
    settle();
    ck_assert_uint_ge(w->control.incident_count, 2);
    ck_assert_uint_eq(w->control.order_count, 4);
    ck_assert(w->control.plan_followed);
    ck_assert_uint_ne(w->control.rescued[SHANGHAI], 0);
    uint32_t spoken = 0;
    for (uint16_t v = 0; v < w->fleet->view_count; v++) {
        spoken += w->control.demand[v].rps > 0 ? 1 : 0;
    }
    ck_assert_uint_gt(spoken, 0);
}
