#define MAX(a,b) ((a)>(b))
#define N 3
typedef struct foo { int a; } foo_t;
struct bar { int b; };
enum col { RED, BLUE };
static int hid(void) { return 1; }
int *pub(const char *a, int b) { return 0; }
extern int glob;
int decl(int);
#ifdef X
void cond(void) {}
#endif
