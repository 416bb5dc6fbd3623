#include <cstdio>

#include "pilotfish/engine.h"
#include "pilotfish/error.h"

// Fails to load a model, in the library's own words.
int main() try {
  pilotfish::Model::load("no-such-model");
  return 1;
} catch (const pilotfish::Error& error) {
  std::puts(error.what());
  return 0;
}
