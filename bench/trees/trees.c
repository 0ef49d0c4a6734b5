/* Binary trees with malloc and free: trees DEPTH. */
#include <stdio.h>
#include <stdlib.h>

typedef struct tree {
    struct tree *left, *right;
} tree;

static tree *make(int depth) {
    tree *t = malloc(sizeof *t);
    if (t == NULL) abort();
    t->left = depth == 0 ? NULL : make(depth - 1);
    t->right = depth == 0 ? NULL : make(depth - 1);
    return t;
}

static long count(const tree *t) {
    return t->left == NULL ? 1 : 1 + count(t->left) + count(t->right);
}

static void del(tree *t) {
    if (t->left != NULL) {
        del(t->left);
        del(t->right);
    }
    free(t);
}

static long once(int depth) {
    tree *t = make(depth);
    long nodes = count(t);
    del(t);
    return nodes;
}

int main(int argc, char **argv) {
    int depth = argc > 1 ? atoi(argv[1]) : 6;
    if (depth < 6) depth = 6;
    printf("stretch %d %ld\n", depth + 1, once(depth + 1));
    tree *lasting = make(depth);
    for (int d = 4; d <= depth; d += 2) {
        long trees = 1L << (depth - d + 4), nodes = 0;
        for (long i = 0; i < trees; i++) nodes += once(d);
        printf("trees %ld %d %ld\n", trees, d, nodes);
    }
    printf("long %d %ld\n", depth, count(lasting));
    del(lasting);
}
