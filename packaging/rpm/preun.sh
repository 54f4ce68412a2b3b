if [ "$1" -eq 0 ]; then
    if [ -d /run/systemd/system ]; then
        systemctl disable --now --quiet linux-api.service linux-api.socket || :
    else
        systemctl disable --quiet linux-api.service linux-api.socket || :
    fi
fi
