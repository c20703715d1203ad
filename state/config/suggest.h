/* suggest.h: "did you mean": the nearest of the offered names by edit distance. */
#ifndef SPILLWAY_CONFIG_SUGGEST_H
#define SPILLWAY_CONFIG_SUGGEST_H

#include <stddef.h>

struct suggestion {
    const char *word; /* what was found; borrowed */
    const char *best; /* nearest so far, or NULL; borrowed */
    unsigned distance;
};

struct suggestion suggest_start(const char *word);
void suggest_offer(struct suggestion *s, const char *name);
/* ", did you mean \"x\"?" or "" when nothing is near enough. */
void suggest_put(const struct suggestion *s, char *room, size_t size);

#endif
