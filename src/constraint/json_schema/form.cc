#include "constraint/json_schema/form.h"

namespace pilotfish::json_schema {

Formulas::Id ArrayForm::item(std::int64_t place) const {
  return place < std::ssize(prefix) ? prefix[static_cast<std::size_t>(place)]
                                    : rest;
}

ObjectForm ObjectForm::any() {
  ObjectForm form;
  form.others.push_back({StringSet::all(), Formulas::kAny});
  return form;
}

const Property* ObjectForm::property(std::string_view name) const {
  for (const Property& each : properties) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

Formulas::Id ObjectForm::value(std::string_view key) const {
  if (const Property* its = property(key)) return its->value;
  for (const Keys& each : others) {
    if (each.keys.contains(key)) return each.value;
  }
  return Formulas::kNever;
}

Form Form::any() {
  Form form;
  form.has_null = form.has_false = form.has_true = true;
  form.numbers = NumberSet::all();
  form.strings = StringSet::all();
  form.arrays.emplace_back();
  form.objects.push_back(ObjectForm::any());
  return form;
}

}  // namespace pilotfish::json_schema
