#include "text/jinja/filters.h"

namespace pilotfish::jinja {

const Builtin* find_filter(std::string_view name) {
  for (const auto* table :
       {&text_filters(), &sequence_filters(), &number_filters()}) {
    if (const Builtin* filter = table->find(name)) return filter;
  }
  return nullptr;
}

}  // namespace pilotfish::jinja
