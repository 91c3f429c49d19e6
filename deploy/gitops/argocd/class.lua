-- An InstanceClass is data and has no status: it is healthy, and says when it holds the issuing of numbers.
local health = {status = "Healthy"}
if obj.spec ~= nil and obj.spec.suspend then
  health.message = "Issuing is suspended: claims on this class wait"
end
return health
