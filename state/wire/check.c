/* check.c: bounds of counts, enums, strings and indices, as far as they can be told without the
 * fleet. */
#include "wire/check.h"

#include "model/order.h"

#include <string.h>

/* Length of the UTF-8 character at at, or 0 when it is malformed or a control character. */
static size_t character(const uint8_t *at, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = at[0];
    size_t n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (n == 1) {
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    }
    if (first < 0xc2 || first > 0xf4 || size < n) {
        return 0;
    }
    uint32_t value = first & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (at[i] & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    bool control = value < 0xa0;
    return value < least[n] || value > 0x10ffff || surrogate || control ? 0 : n;
}

bool text_is_clean(const uint8_t *at, size_t size)
{
    size_t pos = 0;
    while (pos < size) {
        size_t n = character(at + pos, size - pos);
        if (n == 0) {
            return false;
        }
        pos += n;
    }
    return true;
}

static bool field_is_clean(const char *field)
{
    const char *end = memchr(field, '\0', RECORD_TEXT_SIZE);
    return end != NULL && text_is_clean((const uint8_t *)field, (size_t)(end - field));
}

/* A kind of 0 means "no subject". */
static bool subject_is_sound(const struct subject *s)
{
    static const uint16_t most[] = {
        [SUBJECT_LINK] = FLEET_MAX_LINKS,         [SUBJECT_CONDUIT] = FLEET_MAX_CONDUITS,
        [SUBJECT_CARRIER] = FLEET_MAX_CARRIERS,   [SUBJECT_IDC] = FLEET_MAX_IDCS,
        [SUBJECT_SERVICE] = FLEET_MAX_SERVICES,   [SUBJECT_OBSERVER] = FLEET_MAX_IDCS,
        [SUBJECT_REGION] = FLEET_MAX_REGIONS,     [SUBJECT_ENTRANCE] = FLEET_MAX_ENTRANCES,
        [SUBJECT_FEATURES] = FLEET_MAX_REGIONS,   [SUBJECT_CARRIER_AT] = FLEET_MAX_CARRIERS,
        [SUBJECT_PATH] = FLEET_MAX_ENTRANCES,     [SUBJECT_BACKBONE] = FLEET_MAX_IDCS,
        [SUBJECT_TARGET] = ACTUATOR_FEATURES + 1,
    };
    if ((unsigned)s->kind == 0) {
        return true;
    }
    return (unsigned)s->kind <= SUBJECT_LAST && s->a < most[s->kind] && s->b < FLEET_MAX_IDCS;
}

static int check_counts(const struct decide *d)
{
    bool ok = d->evidence_count <= RECORD_MAX_EVIDENCE && d->verdict_count <= RECORD_MAX_VERDICTS &&
              d->guard_count <= RECORD_MAX_GUARDS && d->incident_count <= INCIDENT_MAX &&
              d->change_count <= RECORD_MAX_CHANGES && d->demand_count <= RECORD_MAX_DEMANDS;
    return ok ? OK : ERR_TOO_LARGE;
}

static int check_decide(const struct decide *d)
{
    int status = check_counts(d);
    bool ok = status == OK && d->purpose >= DECIDE_NOTE && d->purpose <= DECIDE_REVERT;
    for (uint32_t i = 0; ok && i < d->evidence_count; i++) {
        ok = d->evidence[i].offset >= 0;
    }
    for (uint32_t i = 0; ok && i < d->verdict_count; i++) {
        const struct verdict *v = &d->verdicts[i];
        ok = v->subject.kind != 0 && subject_is_sound(&v->subject) &&
             (unsigned)v->health <= HEALTH_DOWN && (unsigned)v->rule <= RULE_LAST;
    }
    for (uint32_t i = 0; ok && i < d->guard_count; i++) {
        const struct guard_result *g = &d->guards[i];
        ok =
            g->guard >= GUARD_NEVER_LAST && g->guard <= GUARD_LAST && subject_is_sound(&g->subject);
    }
    for (uint32_t i = 0; ok && i < d->incident_count; i++) {
        const struct incident *n = &d->incidents[i];
        ok = n->kind >= INCIDENT_LINK_CUT && n->kind <= INCIDENT_LAST &&
             (unsigned)n->state <= INCIDENT_CLOSED && (unsigned)n->rule <= RULE_LAST &&
             n->subject.kind != 0 && subject_is_sound(&n->subject);
    }
    return status == OK && !ok ? ERR_INVALID : status;
}

static int check_operator(const struct operator_record *o)
{
    if (o->command < OPERATOR_APPROVE || o->command > OPERATOR_LAST) {
        return ERR_VERSION;
    }
    if (o->change_count > RECORD_MAX_CHANGES || o->drill.size > DRILL_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    bool new_fleet = o->command == OPERATOR_FLEET;
    if (new_fleet != (o->fleet.size > 0) || new_fleet != (o->plan.size > 0)) {
        return ERR_INVALID;
    }
    bool sound = subject_is_sound(&o->subject) && o->tier <= FLEET_MAX_TIER && o->ttl_us >= 0 &&
                 o->ttl_us <= ORDER_TTL_MAX_US;
    return sound && field_is_clean(o->identity) && field_is_clean(o->reason) ? OK : ERR_INVALID;
}

static int check_step(const struct step *s)
{
    switch (s->kind) {
    case STEP_OUTCOME:
        if (s->actuator < ACTUATOR_DNS || s->actuator > ACTUATOR_FEATURES) {
            return ERR_VERSION;
        }
        return s->target < FLEET_MAX_IDCS ? OK : ERR_INVALID;
    case STEP_LINK_DOWN: return s->link < FLEET_MAX_LINKS && s->end <= 1 ? OK : ERR_INVALID;
    case STEP_ALIVE: return s->alive_base >= -1 ? OK : ERR_INVALID;
    case STEP_INJECTION: return s->drill_step <= DRILL_MAX_STEPS ? OK : ERR_INVALID;
    }
    return ERR_VERSION;
}

static int sound(bool ok)
{
    return ok ? OK : ERR_INVALID;
}

int record_check(const struct record *r)
{
    if (r->base < -1 || r->log_time.us < 0 || r->log_time.us > US_MAX) {
        return ERR_INVALID;
    }
    switch (r->kind) {
    case RECORD_GENESIS:
        return sound(r->genesis.fleet.size > 0 && field_is_clean(r->genesis.identity) &&
                     field_is_clean(r->genesis.reason));
    case RECORD_CLAIM: return sound(r->claim.names >= -1);
    case RECORD_HEARTBEAT: return sound(r->heartbeat.snapshot >= -1);
    case RECORD_DECIDE: return check_decide(&r->decide);
    case RECORD_OPERATOR: return check_operator(&r->operator);
    case RECORD_STEP: return check_step(&r->step);
    case RECORD_SNAPSHOT: return sound(r->snapshot.control.size > 0);
    case RECORD_RULES: return OK;
    }
    return ERR_VERSION;
}
