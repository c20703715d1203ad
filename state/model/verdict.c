/* verdict.c: names, equality and codecs of verdicts and incidents, and the incidents' transitions.
 */
#include "model/verdict.h"

/* Row: from; bit i of the entry: may go to state i. Life only goes forward, except that a recovery
 * which fails again goes back to confirmed. */
static const uint8_t TRANSITIONS[] = {
    [INCIDENT_NONE] = 1 << INCIDENT_SUSPECTED | 1 << INCIDENT_CONFIRMED,
    [INCIDENT_SUSPECTED] = 1 << INCIDENT_CONFIRMED | 1 << INCIDENT_CLOSED,
    [INCIDENT_CONFIRMED] =
        1 << INCIDENT_MITIGATED | 1 << INCIDENT_RECOVERING | 1 << INCIDENT_CLOSED,
    [INCIDENT_MITIGATED] = 1 << INCIDENT_CONFIRMED | 1 << INCIDENT_RECOVERING,
    [INCIDENT_RECOVERING] =
        1 << INCIDENT_CONFIRMED | 1 << INCIDENT_MITIGATED | 1 << INCIDENT_CLOSED,
    [INCIDENT_CLOSED] = 0,
};

bool incident_may_go(enum incident_state from, enum incident_state to)
{
    return (unsigned)from < sizeof TRANSITIONS && (unsigned)to < sizeof TRANSITIONS &&
           (TRANSITIONS[from] >> to & 1) != 0;
}

const char *health_name(enum health h)
{
    switch (h) {
    case HEALTH_UNKNOWN: return "unknown";
    case HEALTH_UP: return "up";
    case HEALTH_DEGRADED: return "degraded";
    case HEALTH_DOWN: return "down";
    }
    return "?";
}

const char *incident_kind_name(enum incident_kind k)
{
    switch (k) {
    case INCIDENT_LINK_CUT: return "link-cut";
    case INCIDENT_CONDUIT_CUT: return "conduit-cut";
    case INCIDENT_CARRIER_OUTAGE: return "carrier-outage";
    case INCIDENT_IDC_OUTAGE: return "idc-outage";
    case INCIDENT_IDC_ISOLATED: return "idc-isolated";
    case INCIDENT_REGION_DISASTER: return "region-disaster";
    case INCIDENT_OVERLOAD: return "overload";
    case INCIDENT_GRAY_FAILURE: return "gray-failure";
    case INCIDENT_BLIND_OBSERVER: return "blind-observer";
    case INCIDENT_HELD: return "held";
    case INCIDENT_SPLIT_FENCE: return "split-fence";
    }
    return "?";
}

const char *incident_state_name(enum incident_state s)
{
    switch (s) {
    case INCIDENT_NONE: return "none";
    case INCIDENT_SUSPECTED: return "suspected";
    case INCIDENT_CONFIRMED: return "confirmed";
    case INCIDENT_MITIGATED: return "mitigated";
    case INCIDENT_RECOVERING: return "recovering";
    case INCIDENT_CLOSED: return "closed";
    }
    return "?";
}

const char *subject_kind_name(enum subject_kind k)
{
    switch (k) {
    case SUBJECT_LINK: return "link";
    case SUBJECT_CONDUIT: return "conduit";
    case SUBJECT_CARRIER: return "carrier";
    case SUBJECT_IDC: return "idc";
    case SUBJECT_SERVICE: return "service";
    case SUBJECT_OBSERVER: return "observer";
    case SUBJECT_REGION: return "region";
    case SUBJECT_ENTRANCE: return "entrance";
    case SUBJECT_FEATURES: return "features";
    case SUBJECT_CARRIER_AT: return "carrier-at";
    case SUBJECT_PATH: return "path";
    case SUBJECT_BACKBONE: return "backbone";
    case SUBJECT_TARGET: return "target";
    }
    return "?";
}

bool subject_equal(const struct subject *a, const struct subject *b)
{
    return a->kind == b->kind && a->a == b->a && a->b == b->b;
}

/* An enumeration as one byte, refused in reading above its last value. */
static void enum_codec(struct codec *c, uint8_t *v, unsigned last)
{
    codec_u8(c, v);
    if (*v > last) {
        codec_fail(c, ERR_INVALID);
        *v = 0;
    }
}

void subject_codec(struct codec *c, struct subject *s)
{
    uint8_t kind = (uint8_t)s->kind;
    enum_codec(c, &kind, SUBJECT_LAST);
    s->kind = (enum subject_kind)kind;
    codec_u16(c, &s->a);
    codec_u16(c, &s->b);
}

void incident_codec(struct codec *c, struct incident *i)
{
    uint8_t kind = (uint8_t)i->kind, state = (uint8_t)i->state, rule = (uint8_t)i->rule;
    codec_u32(c, &i->id);
    enum_codec(c, &kind, INCIDENT_LAST);
    enum_codec(c, &state, INCIDENT_CLOSED);
    enum_codec(c, &rule, RULE_LAST);
    i->kind = (enum incident_kind)kind;
    i->state = (enum incident_state)state;
    i->rule = (enum rule)rule;
    subject_codec(c, &i->subject);
    codec_bool(c, &i->needs_approval);
    codec_bool(c, &i->approved);
    codec_i64(c, &i->opened.us);
    codec_i64(c, &i->changed.us);
    codec_u64(c, &i->opened_offset);
    codec_u64(c, &i->changed_offset);
}
