complete --keep-order --exclusive --command linux-api --arguments "(LINUX_API_COMPLETE=fish linux-api -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
