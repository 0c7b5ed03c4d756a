/* States are found by the beginning of a text, and leave memory in the order of their last use. */
#include "states.h"

#include "test_support.h"

static dm_model *model;
static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static int load(void **state) {
    (void)state;
    dm_error error;
    require(dm_model_load(test_data("golden/tiny-a"), NULL, &model, &error), &error);
    return 0;
}

static int unload(void **state) {
    (void)state;
    dm_model_free(model);
    return 0;
}

static struct state *add(struct states *states, const char *method, const int32_t *text, size_t n,
                         struct document *document) {
    dm_session *session;
    dm_error error;
    XXH3_state_t *hash = ids_hash_new(states);
    require(dm_session_new(model, NULL, &session, &error), &error);
    require(dm_session_append(session, text, n, &error), &error);
    for (size_t i = 0; i < n; i++) /* in pieces as at once */
        ids_hash_add(hash, text + i, 1);
    struct state *made =
        states_add(states, method, XXH3_128bits_digest(hash), n, session, NULL, document);
    XXH3_freeState(hash);
    assert_non_null(made);
    return made;
}

static void test_finding(void **state) {
    (void)state;
    struct states states = {.seed = 77, .max_byte = SIZE_MAX};
    const int32_t other[] = {1, 2, 3, 4, 6};
    struct state *two = add(&states, "a", ids, 2, NULL), *five = add(&states, "a", ids, 5, NULL);
    struct state *sixth = add(&states, "b", ids, 6, NULL);
    assert_ptr_equal(states_find(&states, "a", ids, 10), five);
    assert_ptr_equal(states_find(&states, "a", ids, 5), five);
    assert_ptr_equal(states_find(&states, "a", ids, 4), two);
    assert_ptr_equal(states_find(&states, "a", other, 5), two);
    assert_null(states_find(&states, "a", ids, 1));
    assert_null(states_find(&states, "a", ids + 1, 9));
    assert_ptr_equal(states_find(&states, "b", ids, 10), sixth);
    assert_null(states_find(&states, "c", ids, 10));
    states_remove(&states, five);
    assert_ptr_equal(states_find(&states, "a", ids, 10), two);
    states_free(&states);
    assert_int_equal(states.n_byte, 0);
    assert_int_equal(states.n, 0);
}

static void test_bound(void **state) {
    (void)state;
    int place; /* of a document, which is never looked at */
    struct document *document = (struct document *)&place;
    struct states states = {.seed = 77, .max_byte = SIZE_MAX};
    struct state *kept = add(&states, "a", ids, 1, document);
    size_t n_byte = states.n_byte;
    assert_int_equal(n_byte, dm_session_memory(kept->session));
    states.max_byte = 3 * n_byte;
    add(&states, "a", ids, 2, NULL);
    struct state *three = add(&states, "a", ids, 3, NULL);
    assert_int_equal(states.n_byte, 3 * n_byte);
    states_touch(&states, kept);
    add(&states, "a", ids, 4, NULL); /* the one of two tokens is the oldest now, and goes */
    assert_ptr_equal(states_find(&states, "a", ids, 2), kept);
    assert_non_null(kept->session);
    add(&states, "a", ids, 5, NULL);
    assert_true(states_find(&states, "a", ids, 3) != three);
    add(&states, "a", ids, 6, NULL); /* a document's is on disk, where it can be found */
    assert_null(kept->session);
    assert_int_equal(kept->n_byte, 0);
    assert_ptr_equal(states_find(&states, "a", ids, 1), kept);
    assert_int_equal(states.n_byte, 3 * n_byte);
    states.max_byte = 0; /* what is asked for stays, whatever it takes */
    struct state *last = add(&states, "a", ids, 7, NULL);
    assert_int_equal(states.n_byte, n_byte);
    assert_ptr_equal(states_find(&states, "a", ids, 10), last);
    states_free(&states);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
