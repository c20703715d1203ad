/* fleet.c: lookups in a fleet and sums over a service's features. */
#include "model/fleet.h"

#include "base/text.h"

uint64_t service_cost_ppm(const struct service *s, uint8_t tier_limit)
{
    uint64_t sum = 0;
    for (uint16_t i = 0; i < s->feature_count; i++) {
        if (s->features[i].tier <= tier_limit) {
            sum += s->features[i].cost_ppm;
        }
    }
    return sum;
}

uint8_t service_top_tier(const struct service *s)
{
    uint8_t top = 0;
    for (uint16_t i = 0; i < s->feature_count; i++) {
        top = s->features[i].tier > top ? s->features[i].tier : top;
    }
    return top;
}

bool fleet_announces(const struct fleet *f, uint16_t service, uint16_t idc)
{
    bool any = false;
    for (uint16_t e = 0; e < f->entrance_count && f->services[service].anycast_count > 0 && !any;
         e++) {
        any = f->entrances[e].service == service && f->entrances[e].idc == idc;
    }
    return any;
}

uint32_t fleet_announce_bound(const struct fleet *f)
{
    uint32_t n = 0;
    for (uint16_t s = 0; s < f->service_count; s++) {
        n += f->services[s].anycast_count > 0 ? f->idc_count : 0;
    }
    return n;
}

uint16_t fleet_find_idc(const struct fleet *f, const char *name)
{
    for (uint16_t i = 0; i < f->idc_count; i++) {
        if (text_equal(f->idcs[i].name, name)) {
            return i;
        }
    }
    return FLEET_NONE;
}

uint16_t fleet_find_service(const struct fleet *f, const char *name)
{
    for (uint16_t i = 0; i < f->service_count; i++) {
        if (text_equal(f->services[i].name, name)) {
            return i;
        }
    }
    return FLEET_NONE;
}

uint16_t fleet_find_link(const struct fleet *f, const char *name)
{
    for (uint16_t i = 0; i < f->link_count; i++) {
        if (text_equal(f->links[i].name, name)) {
            return i;
        }
    }
    return FLEET_NONE;
}

int link_end_at(const struct link *l, uint16_t idc)
{
    for (int end = 0; end < 2; end++) {
        if (l->end[end].idc == idc) {
            return end;
        }
    }
    return -1;
}

uint32_t fleet_carriers_at(const struct fleet *f, uint16_t idc)
{
    uint32_t bits = 0;
    for (uint16_t l = 0; l < f->link_count; l++) {
        if (f->links[l].carrier != FLEET_NONE && link_end_at(&f->links[l], idc) >= 0) {
            bits |= UINT32_C(1) << f->links[l].carrier;
        }
    }
    return bits;
}
