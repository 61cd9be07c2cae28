<?php
// What Debian's WordPress reads: settings come from the environment, the password from its secret.
define('DB_NAME', getenv('DB_NAME'));
define('DB_USER', getenv('DB_USER'));
define('DB_PASSWORD', trim(file_get_contents('/run/secrets/db-password')));
define('DB_HOST', getenv('DB_HOST'));
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
define('WP_MEMORY_LIMIT', getenv('MEMORY_LIMIT'));
// Under whatever name and port it was called.
define('WP_HOME', 'http://' . $_SERVER['HTTP_HOST']);
define('WP_SITEURL', WP_HOME);
define('WP_HTTP_BLOCK_EXTERNAL', true);
