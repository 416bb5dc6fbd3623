// A shared library that is no acceptor.
extern "C" int something_else() { return 1; }
