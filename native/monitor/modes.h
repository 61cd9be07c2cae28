// What the program can be: one function a mode, each with the arguments after the mode's name at index 1.
#pragma once

int run_monitor(int count, char **arguments);
int run_netns(int count, char **arguments);
int run_init(int count, char **arguments);
int run_root_view(int count, char **arguments);
int run_hello(void);
