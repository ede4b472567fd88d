/* The layers of Whisper's encoder behind its convolutions, and the windows they end in.
   `native/native_encoder.py` describes the arguments and calls it. */

#ifdef AURICLE_TILES
#include "heads_tiles.h"
#else
#include "heads_whole.h"
#endif
#include "layers.h"
#include "spread.h"

typedef struct {
    Norm self_norm, ffn_norm;
    Linear self_qkv, self_out, ffn_up, ffn_down;
} EncoderLayer;

typedef struct {
    int32_t d_model;
    const EncoderLayer *layers;
    Norm norm;
    const Linear *windows; /* of each layer of the decoder: keys and values */
} Encoder;

/* What one thread works in. */
typedef struct {
    float *normal, *wide; /* (BLOCK, d_model), (BLOCK, 4 * d_model) */
    Rounded rounded;      /* of the latter */
    HeadRoom head;
} Room;

typedef struct {
    const Encoder *encoder;
    float *hidden, *qkv, *mixed; /* (n, d_model), (n, 3 * d_model), (n, d_model) */
    int n, n_all;                /* positions, and those filled up to whole stripes */
    Room *rooms;                 /* of each thread */
    int layer;                   /* of the encoder, or of the decoder's windows */
    int8_t *const *windows; /* by layer of the decoder keys and values: (n_heads, n, HEAD) */
    float *scales;          /* likewise: (2 * n_layers, d_model) */
    float limit;            /* the greatest byte of a window */
} Encoding;

static int block_of(const Encoding *e, int chunk) {
    const int left = e->n - chunk * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

static void qkv_of_block(const void *job, int hand, int chunk) {
    const Encoding *e = job;
    const EncoderLayer *l = e->encoder->layers + e->layer;
    const Room r = e->rooms[hand];
    const int d = e->encoder->d_model, n_rows = block_of(e, chunk);
    const size_t first = (size_t)chunk * BLOCK;
    normalise(e->hidden + first * d, n_rows, l->self_norm, d, r.normal);
    round_rows(r.normal, n_rows, d, r.rounded);
    linear(&l->self_qkv, r.rounded, n_rows, e->qkv + first * 3 * d);
}

static void attention_of_head(const void *job, int hand, int head) {
    const Encoding *e = job;
    const HeadRoom r = e->rooms[hand].head;
    const int d = e->encoder->d_model, n = e->n;
    const size_t stride = (size_t)3 * d, at = (size_t)head * HEAD;
    pack_keys(e->qkv + d + at, n, stride, r, e->n_all);
    pack_values(e->qkv + 2 * d + at, n, stride, r, e->n_all);
    for (int first = 0; first < n; first += QUERY_BLOCK) {
        const int n_rows = n - first < QUERY_BLOCK ? n - first : QUERY_BLOCK;
        attend_block(e->qkv + first * stride + at, n_rows, n, stride, r, e->n_all,
                     e->mixed + (size_t)first * d + at, (size_t)d);
    }
}

static void rest_of_block(const void *job, int hand, int chunk) {
    const Encoding *e = job;
    const EncoderLayer *l = e->encoder->layers + e->layer;
    const Room r = e->rooms[hand];
    const int d = e->encoder->d_model, n_rows = block_of(e, chunk);
    const size_t first = (size_t)chunk * BLOCK * d;
    add_layer(&l->self_out, e->mixed + first, n_rows, r.rounded, r.normal, e->hidden + first);
    normalise(e->hidden + first, n_rows, l->ffn_norm, d, r.normal);
    feed_forward(&l->ffn_up, &l->ffn_down, r.normal, n_rows, r.rounded, r.wide, e->hidden + first);
}

static void window_of_block(const void *job, int hand, int chunk) {
    const Encoding *e = job;
    const Room r = e->rooms[hand];
    const int d = e->encoder->d_model, n_rows = block_of(e, chunk);
    const size_t first = (size_t)chunk * BLOCK;
    normalise(e->hidden + first * d, n_rows, e->encoder->norm, d, r.normal);
    round_rows(r.normal, n_rows, d, r.rounded);
    linear(e->encoder->windows + e->layer, r.rounded, n_rows, e->qkv + first * 2 * d);
}

/* Keys of a head, or, behind all of those, values. */
static void bytes_of_head(const void *job, int hand, int chunk) {
    (void)hand;
    const Encoding *e = job;
    const int d = e->encoder->d_model, is_value = chunk * HEAD >= d, n = e->n;
    const size_t at = (size_t)chunk * HEAD, stride = (size_t)2 * d;
    float *scales = e->scales + (size_t)2 * e->layer * d + at;
    int8_t *to = e->windows[2 * e->layer + is_value] + (at - (size_t)is_value * d) * n;
    const Channels channels = channels_of(e->qkv + at, n, stride, e->limit, scales);
    for (int p = 0; p < n; p++)
        for (int i = 0; i < HEAD / LANES; i++) {
            const Integers levels = levels_of(e->qkv + p * stride + at, &channels, i);
            store_bytes(to + (size_t)p * HEAD + i * LANES, levels);
        }
}

/* Room for one thread behind `from`, which is moved behind it. */
static Room room_behind(char **from, size_t n_all, size_t d) {
    Room r;
    r.normal = taken(from, sizeof(float) * BLOCK * d);
    r.wide = taken(from, sizeof(float) * BLOCK * 4 * d);
    r.rounded = rounded_room(from, BLOCK, 4 * d);
    r.head = head_room(from, n_all);
    return r;
}

static int n_threads_of(int wanted) { return wanted < MOST_THREADS ? wanted : MOST_THREADS; }

/* Divide memory from `at`, a multiple of 64, into what an encoding works in; gives its end. */
static char *divide(char *at, Encoding *e, Room *rooms, int n_threads) {
    const size_t d = (size_t)e->encoder->d_model, n = (size_t)e->n;
    e->rooms = rooms;
    e->n_all = (e->n + STRIPE - 1) / STRIPE * STRIPE;
    e->qkv = taken(&at, sizeof(float) * 3 * computed_rows(n) * d);
    e->mixed = taken(&at, sizeof(float) * n * d);
    for (int i = 0; i < n_threads; i++) rooms[i] = room_behind(&at, (size_t)e->n_all, d);
    return at;
}

/* Whether the system lets this process compute as the functions below do. */
int auricle_encoder_may_run(void) { return may_use_tiles(); }

/* Bytes that the functions below work in, for up to n positions. */
int64_t auricle_encoder_room(const Encoder *encoder, int n, int n_threads) {
    Room rooms[MOST_THREADS];
    Encoding e = {.encoder = encoder, .n = n};
    return (int64_t)(uintptr_t)divide(NULL, &e, rooms, n_threads_of(n_threads));
}

/* Layers first to last - 1 over the n positions of `hidden`, in place. */
void auricle_encoder_layers(const Encoder *encoder, int first, int last, float *hidden, int n, char *room, int n_threads) {
    Room rooms[MOST_THREADS];
    Encoding e = {.encoder = encoder, .hidden = hidden, .n = n};
    const int n_hands = n_threads_of(n_threads), n_blocks = (n + BLOCK - 1) / BLOCK;
    divide(room, &e, rooms, n_hands);
    for (e.layer = first; e.layer < last; e.layer++) {
        spread(qkv_of_block, &e, n_blocks, n_hands);
        spread(attention_of_head, &e, encoder->d_model / HEAD, n_hands);
        spread(rest_of_block, &e, n_blocks, n_hands);
    }
}

/* What the decoder's n_layers look at: bytes within the limit, and their scales. */
void auricle_encoder_windows(const Encoder *encoder, int n_layers, float *hidden, int n, float limit,
                             int8_t *const *windows, float *scales, char *room, int n_threads) {
    Room rooms[MOST_THREADS];
    Encoding e = {.encoder = encoder, .hidden = hidden, .n = n, .windows = windows, .scales = scales, .limit = limit};
    const int n_hands = n_threads_of(n_threads), n_blocks = (n + BLOCK - 1) / BLOCK;
    divide(room, &e, rooms, n_hands);
    for (e.layer = 0; e.layer < n_layers; e.layer++) {
        spread(window_of_block, &e, n_blocks, n_hands);
        spread(bytes_of_head, &e, 2 * encoder->d_model / HEAD, n_hands);
    }
}
