/* The layers of Whisper's encoder behind its convolutions, and the windows they end in.
   `native/native_encoder.py` describes the arguments and calls it. */

#include "layers.h"
#include "softmax.h"
#include "spread.h"

enum {
    BLOCK = 96,       /* positions whose linear layers are computed together */
    QUERY_BLOCK = 48, /* positions whose attention is */
};

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
    float *normal, *wide;      /* (BLOCK, d_model), (BLOCK, 4 * d_model) */
    float *scores, *mixed;     /* (QUERY_BLOCK, n_all), (QUERY_BLOCK, HEAD) */
    uint8_t *keys, *values;    /* of a head, packed: n_all * HEAD */
    float *key_scales, *zeros; /* (n_all) */
    Rounded rounded;           /* of a block */
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

/* Keys of a head as the weights of a layer from a query to a score for each position. What all keys
   have in common adds the same to each score, so it is left out (SageAttention, arXiv 2410.02367). */
static void pack_keys(const float *keys, int n, size_t stride, uint8_t *packed, float *scales, int n_all) {
    float mean[HEAD] = {0};
    for (int p = 0; p < n; p++)
        for (int i = 0; i < HEAD; i++) mean[i] += keys[p * stride + i];
    for (int i = 0; i < HEAD; i++) mean[i] /= (float)n;
    for (int p = 0; p < n_all; p++) {
        int8_t levels[HEAD] = {0};
        float key[HEAD];
        int32_t offset;
        scales[p] = 0.0f;
        if (p < n) {
            for (int i = 0; i < HEAD; i++) key[i] = keys[p * stride + i] - mean[i];
            round_group(key, levels, scales + p, &offset);
        }
        uint8_t *stripe = packed + (size_t)(p / STRIPE) * STRIPE * HEAD + 4 * (p % STRIPE);
        for (int i = 0; i < HEAD; i++) stripe[(size_t)(i / 4) * 4 * STRIPE + i % 4] = (uint8_t)(levels[i] + 128);
    }
}

/* Scales with which each channel of (n, stride) lies within the limit. */
static void channel_scales(const float *values, int n, size_t stride, float limit, float *scales) {
    for (int i = 0; i < HEAD; i += LANES) {
        Bytes most = smallest_size();
        for (int p = 0; p < n; p++) most = larger_size(most, load(values + p * stride + i));
        store(scales + i, _mm512_div_ps(_mm512_castsi512_ps(most), all(limit)));
    }
}

static Bytes levels_of(const float *values, const float *scales) {
    return _mm512_cvtps_epi32(_mm512_div_ps(load(values), load(scales)));
}

/* Values of a head as the weights of a layer from shares of all positions to the mixed value. */
static void pack_values(const float *values, int n, size_t stride, uint8_t *packed, float *scales, int n_all) {
    channel_scales(values, n, stride, 127.0f, scales);
    for (int p = 0; p < n_all; p++) {
        int32_t levels[HEAD] = {0};
        for (int i = 0; i < HEAD && p < n; i += LANES)
            _mm512_storeu_si512(levels + i, levels_of(values + p * stride + i, scales + i));
        uint8_t *four = packed + (size_t)(p / 4) * 4 * HEAD + p % 4;
        for (int i = 0; i < HEAD; i++) four[4 * i] = (uint8_t)(levels[i] + 128);
    }
}

static void attend_block(const float *queries, const Linear *to_scores, const Linear *to_mixed, int n_rows, int n,
                         size_t stride, Room r, float *out, size_t out_stride) {
    const int n_all = to_scores->n_out;
    float sums[QUERY_BLOCK];
    for (int row = 0; row < n_rows; row++) {
        round_group(queries + row * stride, r.rounded.levels + row * HEAD, r.rounded.steps + row, r.rounded.offsets + row);
        r.rounded.steps[row] *= 0.125f;
    }
    linear(to_scores, r.rounded, n_rows, r.scores);
    for (int row = 0; row < n_rows; row++) sums[row] = exponentials(r.scores + (size_t)row * n_all, n, n_all);
    round_rows(r.scores, n_rows, n_all, r.rounded);
    linear(to_mixed, r.rounded, n_rows, r.mixed);
    for (int row = 0; row < n_rows; row++)
        for (int i = 0; i < HEAD; i += LANES) {
            const Floats mixed = _mm512_mul_ps(load(r.mixed + row * HEAD + i), all(1.0f / sums[row]));
            store(out + row * out_stride + i, mixed);
        }
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
    const Room r = e->rooms[hand];
    const int d = e->encoder->d_model, n = e->n;
    const size_t stride = (size_t)3 * d, at = (size_t)head * HEAD;
    float value_scales[HEAD];
    const Linear to_scores = {r.keys, r.key_scales, r.zeros, HEAD, e->n_all};
    const Linear to_mixed = {r.values, value_scales, r.zeros, e->n_all, HEAD};
    pack_keys(e->qkv + d + at, n, stride, r.keys, r.key_scales, e->n_all);
    pack_values(e->qkv + 2 * d + at, n, stride, r.values, value_scales, e->n_all);
    for (int first = 0; first < n; first += QUERY_BLOCK) {
        const int n_rows = n - first < QUERY_BLOCK ? n - first : QUERY_BLOCK;
        attend_block(e->qkv + first * stride + at, &to_scores, &to_mixed, n_rows, n, stride, r,
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
    channel_scales(e->qkv + at, n, stride, e->limit, scales);
    for (int p = 0; p < n; p++)
        for (int i = 0; i < HEAD; i += LANES) {
            const Bytes levels = levels_of(e->qkv + p * stride + at + i, scales + i);
            _mm_storeu_si128((__m128i *)(to + (size_t)p * HEAD + i), _mm512_cvtsepi32_epi8(levels));
        }
}

static void *taken(char **from, size_t n_bytes) {
    void *room = *from;
    *from += (n_bytes + 63) / 64 * 64;
    return room;
}

/* Room for one thread behind `from`, which is moved behind it. */
static Room room_behind(char **from, size_t n_all, size_t d) {
    const size_t in_block = BLOCK * 4 * d, in_scores = QUERY_BLOCK * n_all;
    const size_t most = in_block > in_scores ? in_block : in_scores;
    Room r;
    r.normal = taken(from, sizeof(float) * BLOCK * d);
    r.wide = taken(from, sizeof(float) * in_block);
    r.scores = taken(from, sizeof(float) * in_scores);
    r.mixed = taken(from, sizeof(float) * QUERY_BLOCK * HEAD);
    r.keys = taken(from, n_all * HEAD);
    r.values = taken(from, n_all * HEAD);
    r.key_scales = taken(from, sizeof(float) * n_all);
    r.zeros = taken(from, sizeof(float) * n_all);
    r.rounded.levels = taken(from, most);
    r.rounded.steps = taken(from, sizeof(float) * (most / GROUP));
    r.rounded.offsets = taken(from, sizeof(int32_t) * (most / GROUP));
    return r;
}

static int n_threads_of(int wanted) { return wanted < MOST_THREADS ? wanted : MOST_THREADS; }

/* Divide memory from `at`, a multiple of 64, into what an encoding works in; gives its end. */
static char *divide(char *at, Encoding *e, Room *rooms, int n_threads) {
    const size_t d = (size_t)e->encoder->d_model, n = (size_t)e->n;
    e->rooms = rooms;
    e->n_all = (e->n + STRIPE - 1) / STRIPE * STRIPE;
    e->qkv = taken(&at, sizeof(float) * 3 * n * d);
    e->mixed = taken(&at, sizeof(float) * n * d);
    for (int i = 0; i < n_threads; i++) rooms[i] = room_behind(&at, (size_t)e->n_all, d);
    return at;
}

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
    for (int i = 0; i < n_hands; i++) memset(rooms[i].zeros, 0, sizeof(float) * (size_t)e.n_all);
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
