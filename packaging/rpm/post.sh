systemd-sysusers /usr/lib/sysusers.d/linux-api.conf || :
systemd-tmpfiles --create /usr/lib/tmpfiles.d/linux-api.conf || :
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    # An upgrade goes on with what ran, and starts nothing that did not.
    if [ "$1" -ge 2 ]; then
        systemctl try-restart linux-api.service || :
        systemctl try-restart linux-api-executor.socket || :
    fi
fi
if [ "$1" -eq 1 ]; then
    echo "linux-api is not started yet. Next: sudo linux-api setup"
fi
