#ifndef PILOTFISH_BASE_FUNCTION_REF_H_
#define PILOTFISH_BASE_FUNCTION_REF_H_

#include <utility>

namespace pilotfish {

// A function that lives elsewhere, and longer; or none. Never allocates.
template <typename Signature>
class FunctionRef;

template <typename Result, typename... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  FunctionRef() = default;
  template <typename Function>
  FunctionRef(const Function& function)  // NOLINT: converts, as std::function
      : function_(&function),
        call_([](const void* f, Arguments... arguments) -> Result {
          return (*static_cast<const Function*>(f))(
              std::forward<Arguments>(arguments)...);
        }) {}

  explicit operator bool() const { return call_ != nullptr; }
  Result operator()(Arguments... arguments) const {
    return call_(function_, std::forward<Arguments>(arguments)...);
  }

 private:
  const void* function_ = nullptr;
  Result (*call_)(const void*, Arguments...) = nullptr;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_FUNCTION_REF_H_
