# The pod that leads is killed (SIGKILL, no time to end) while 500 claims arrive.
arrive e2e-kill
ours delete pod "$(leader)" --force --grace-period=0 > /dev/null 2>&1
arrived
settled
