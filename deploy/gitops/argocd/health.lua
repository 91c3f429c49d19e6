-- What Argo CD says of an Instance, a ServiceNumberRequest and a Filing: what kstatus says, with our reasons.
local health = {status = "Progressing", message = "Waiting for the operator"}
local status = obj.status or {}
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  health.message = "Waiting for the operator to look at the last change"
  return health
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" then
    if condition.type == "Ready" then
      return {status = "Healthy", message = condition.message}
    elseif condition.type == "Stalled" then
      -- Every reason is in the message, with what was seen, what is asked for and what to do.
      return {status = "Degraded", message = condition.message}
    elseif condition.type == "Reconciling" then
      health.message = condition.message
    end
  end
end
return health
