/* waits.c: what waits for a person: approvals, stateful services whose place is dead, and places
 * that are held. */
#include "cli/plan_text.h"
#include "cli/status.h"
#include "core/explain.h"

static struct wait *add(struct waits *w)
{
    return w->count < WAIT_MAX ? &w->items[w->count++] : NULL;
}

static void add_approval(const struct control *c, const struct incident *i, struct waits *w)
{
    struct wait *item = add(w);
    if (item == NULL) {
        return;
    }
    char subject[128];
    struct text t = text_over(subject, sizeof subject);
    explain_subject(c->fleet, &i->subject, &t);
    *item = (struct wait){.incident = i->id, .service = FLEET_NONE};
    snprintf(item->text, sizeof item->text,
             "incident #%u (%s %s): nothing comes back there before your word", i->id,
             incident_kind_name(i->kind), subject);
    snprintf(item->command, sizeof item->command, "spillway approve %u --reason \"...\"", i->id);
}

static bool path_concerns(const struct fleet *f, uint16_t entrance, uint16_t service, uint16_t idc)
{
    return f->entrances[entrance].service == service && f->entrances[entrance].idc == idc;
}

/* Does the incident say that this IDC, or this service there, does not serve now? */
static bool concerns(const struct control *c, const struct incident *i, uint16_t service,
                     uint16_t idc)
{
    const bool active = i->state == INCIDENT_CONFIRMED || i->state == INCIDENT_MITIGATED;
    if (!active) {
        return false;
    }
    switch (i->subject.kind) {
    case SUBJECT_IDC: return i->subject.a == idc;
    case SUBJECT_SERVICE: return i->subject.a == service && i->subject.b == idc;
    case SUBJECT_REGION: return c->fleet->idcs[idc].region == i->subject.a;
    case SUBJECT_CARRIER_AT: return i->subject.b == idc;
    case SUBJECT_PATH: return path_concerns(c->fleet, i->subject.a, service, idc);
    case SUBJECT_LINK:
    case SUBJECT_CONDUIT:
    case SUBJECT_CARRIER:
    case SUBJECT_OBSERVER:
    case SUBJECT_ENTRANCE:
    case SUBJECT_FEATURES:
    case SUBJECT_BACKBONE:
    case SUBJECT_TARGET: return false;
    }
    return false;
}

static void add_stateful(const struct control *c, const struct incident *i, struct waits *w)
{
    const struct fleet *f = c->fleet;
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t d = 0; f->services[s].stateful && d < f->idc_count; d++) {
            const uint32_t slots = plan_slots_at(f, &c->plan, s, d);
            struct wait *item = slots > 0 && concerns(c, i, s, d) ? add(w) : NULL;
            if (item == NULL) {
                continue;
            }
            *item = (struct wait){.incident = i->id, .service = s};
            snprintf(
                item->text, sizeof item->text,
                "service %s is stateful and stays at %s (%u slots): moving its users could lose "
                "writes; bring %s back, or move it by its own procedure",
                f->services[s].name, f->idcs[d].name, slots, f->idcs[d].name);
        }
    }
}

/* A place where nothing is written until a person has looked. */
static void add_place(const struct control *c, const struct incident *i, struct waits *w)
{
    struct wait *item = add(w);
    if (item == NULL) {
        return;
    }
    char subject[128];
    const bool held = i->kind == INCIDENT_HELD;
    struct text t = text_over(subject, sizeof subject);
    explain_subject(c->fleet, &i->subject, &t);
    *item = (struct wait){.incident = i->id, .service = FLEET_NONE};
    snprintf(item->text, sizeof item->text, "%s: %s", subject,
             held ? "HELD by a person; Spillway writes nothing there until the hold is released"
                  : "another log wrote there at the same generation; Spillway writes nothing "
                    "there");
    snprintf(item->command, sizeof item->command, "%s",
             held ? "spillway emergency list; spillway emergency release ID --reason \"...\"" : "");
}

void waits_find(const struct control *c, struct waits *ret)
{
    ret->count = 0;
    for (uint32_t i = 0; i < c->incident_count; i++) {
        const struct incident *incident = &c->incidents[i];
        if (incident->needs_approval && !incident->approved &&
            (incident->state == INCIDENT_MITIGATED || incident->state == INCIDENT_RECOVERING ||
             incident->state == INCIDENT_CONFIRMED)) {
            add_approval(c, incident, ret);
        }
        if (incident->kind == INCIDENT_HELD || incident->kind == INCIDENT_SPLIT_FENCE) {
            add_place(c, incident, ret);
        }
        add_stateful(c, incident, ret);
    }
}
