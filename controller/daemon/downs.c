/* downs.c: when a link end's down is a new one. */
#include "daemon/downs.h"

bool down_heard(struct down *d, bool is_down, int64_t held_us, struct mono now)
{
    if (!is_down) {
        bool news = d->down;
        d->down = false;
        return news;
    }
    int64_t began_us = now.us - held_us;
    if (d->number > 0 && d->counted_at.us >= 0 && began_us <= d->counted_at.us) {
        bool news = !d->down;
        d->down = true;
        return news;
    }
    if (d->number == UINT32_MAX) {
        return false; /* four thousand million downs: the number stays, the hop stays held */
    }
    d->number++;
    d->down = true;
    d->counted_at = now;
    return true;
}
