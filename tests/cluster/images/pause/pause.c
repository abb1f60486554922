/* Sleeps until told to end. As PID 1 it gets no signal that it does not handle, so it handles two. */
#include <signal.h>
#include <unistd.h>

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  signal(SIGINT, end);
  signal(SIGTERM, end);
  signal(SIGCHLD, SIG_IGN); /* orphans of a shared PID namespace are reaped by the kernel */
  for (;;) pause();
}
