/* drill_target.c: what a drill strikes, as people name it: "beijing-shanghai", "telecom@beijing".
 */
#include "model/drill.h"

/* Index of the first n bytes of name among count names that lie `stride` bytes apart, or
 * FLEET_NONE. */
static uint16_t find(const char *names, size_t stride, uint16_t count, const char *name, size_t n)
{
    for (uint16_t i = 0; i < count; i++) {
        const char *at = names + stride * i;
        bool same = text_length(at) == n;
        for (size_t k = 0; k < n && same; k++) {
            same = at[k] == name[k];
        }
        if (same) {
            return i;
        }
    }
    return FLEET_NONE;
}

#define FIND(array, count)                                                                         \
    ((count) == 0 ? FLEET_NONE : find((array)[0].name, sizeof *(array), (count), name, n))

int drill_target_find(const struct fleet *f, enum drill_on on, const char *name,
                      struct drill_target *ret_target)
{
    struct drill_target t = {FLEET_NONE, FLEET_NONE};
    size_t n = 0;
    while (name[n] != '\0' && name[n] != '@') {
        n++;
    }
    bool at = name[n] == '@';
    switch (on) {
    case DRILL_ON_LINK: t.index = FIND(f->links, f->link_count); break;
    case DRILL_ON_CONDUIT: t.index = FIND(f->conduits, f->conduit_count); break;
    case DRILL_ON_CARRIER: t.index = FIND(f->carriers, f->carrier_count); break;
    case DRILL_ON_IDC: t.index = FIND(f->idcs, f->idc_count); break;
    case DRILL_ON_VIEW: t.index = FIND(f->views, f->view_count); break;
    }
    t.at = at ? fleet_find_idc(f, name + n + 1) : FLEET_NONE;
    bool wrong_place = at && (on != DRILL_ON_CARRIER || t.at == FLEET_NONE);
    if (wrong_place || t.index == FLEET_NONE || !drill_target_exists(f, on, &t)) {
        return ERR_NOT_FOUND;
    }
    *ret_target = t;
    return OK;
}

void drill_target_put(const struct fleet *f, enum drill_on on, const struct drill_target *t,
                      struct text *to)
{
    if (!drill_target_exists(f, on, t)) {
        text_put(to, "(nothing)");
        return;
    }
    switch (on) {
    case DRILL_ON_LINK: text_put(to, f->links[t->index].name); break;
    case DRILL_ON_CONDUIT: text_put(to, f->conduits[t->index].name); break;
    case DRILL_ON_CARRIER: text_put(to, f->carriers[t->index].name); break;
    case DRILL_ON_IDC: text_put(to, f->idcs[t->index].name); break;
    case DRILL_ON_VIEW: text_put(to, f->views[t->index].name); break;
    }
    if (t->at != FLEET_NONE) {
        text_put(to, "@");
        text_put(to, f->idcs[t->at].name);
    }
}
