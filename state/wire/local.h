/* local.h: framing of the unix stream socket between a probe and the spillwayd of its own IDC.
 *
 * A frame is u32 length, u8 type, body; little endian, `length` counts type and body. Both sides
 * are of one host and may be of two versions during an upgrade: frames of an unknown type are
 * skipped.
 *
 *   FLEET  spillwayd -> probe: u16 idc, canonical fleet bytes (fleet_codec). After each connect and
 * on each change; the probe derives its targets from it with targets_for_idc(). EDGE   probe ->
 * spillwayd: u16 link, u8 end, bool down, i64 held_us. On every change, and once for each link end
 * of this IDC after each connect.
 *
 *   INJECT spillwayd -> probe: i64 for_us, bool mute, u16 view, u32 factor_ppm. For a drill;
 * replaces what was injected before. */
#ifndef SPILLWAY_WIRE_LOCAL_H
#define SPILLWAY_WIRE_LOCAL_H

#include "model/record.h"

enum local_type { LOCAL_UNKNOWN = 0, LOCAL_FLEET = 1, LOCAL_EDGE = 2, LOCAL_INJECT = 3 };

enum {
    LOCAL_HEADER_SIZE = 5,              /* length and type */
    LOCAL_MAX_FRAME = RECORD_MAX_BYTES, /* header and body; a longer frame ends the connection */
    LOCAL_EDGE_SIZE = LOCAL_HEADER_SIZE + 12,
    LOCAL_INJECT_SIZE = LOCAL_HEADER_SIZE + 15,
};

struct local_message {
    enum local_type type;
    union {
        struct {
            uint16_t idc;       /* index in that fleet, below FLEET_MAX_IDCS */
            struct bytes fleet; /* after reading: borrowed from the reader's buffer */
        } fleet;
        struct {
            uint16_t link; /* below FLEET_MAX_LINKS */
            uint8_t end;   /* 0 or 1 */
            bool down;
            int64_t held_us; /* since when it holds, at the send time; not negative */
        } edge;
        struct {
            int64_t for_us; /* it ends by itself after so long; 0: now */
            bool mute;      /* no reports are sent */
            uint16_t view;  /* whose measured requests are multiplied; FLEET_NONE: none */
            uint32_t factor_ppm;
        } inject;
    };
};

/* Bytes of the frame that local_encode would write. */
size_t local_encoded_size(const struct local_message *m);
/* Writes one frame. ERR_FULL when it needs more than size bytes, ERR_TOO_LARGE when it is above
 * LOCAL_MAX_FRAME. */
int local_encode(const struct local_message *m, uint8_t *room, size_t size,
                 size_t *ret_size) MUST_CHECK;

/* Size of the whole frame that starts at data, as soon as its header is there. ERR_TRUNCATED: read
 * at least LOCAL_HEADER_SIZE bytes first; ERR_INVALID, ERR_TOO_LARGE: close the connection. */
int local_frame_size(const uint8_t *data, size_t size, size_t *ret_size) MUST_CHECK;
/* Reads the frame at the start of a stream's buffered bytes; *ret_used is how many to drop from
 * them, and a type of LOCAL_UNKNOWN is to be ignored. ERR_TRUNCATED: wait for more bytes
 * (local_frame_size says how many); any other error: close the connection. */
int local_decode(const uint8_t *data, size_t size, struct local_message *ret_m,
                 size_t *ret_used) MUST_CHECK;

#endif
