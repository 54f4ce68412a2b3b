if [ "$1" -eq 0 ]; then
    if [ -d /run/systemd/system ]; then
        systemctl disable --now --quiet linux-api.service linux-api.socket linux-api-executor.socket || :
        systemctl stop --quiet linux-api-executor.service || :
    else
        systemctl disable --quiet linux-api.service linux-api.socket linux-api-executor.socket || :
    fi
fi
