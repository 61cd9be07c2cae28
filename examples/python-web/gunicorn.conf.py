import os

bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WORKERS", "2"))
accesslog = "-"
graceful_timeout = 5
worker_tmp_dir = "/dev/shm"
