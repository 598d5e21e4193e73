<?php
// Answers one request a line for passwords_moving.py: JSON in, JSON out. Bytes are hexadecimal.
// php passwords.php FOLDER, the folder that holds WordPress' class-phpass.php.

require $argv[1] . '/class-phpass.php';

// As wp_hash_password and wp_authenticate of WordPress 6.8 do it; the salt is given.
function wordpress(string $password, string $setting): string
{
    $digest = base64_encode(hash_hmac('sha384', trim($password), 'wp-sha384', true));
    return '$wp' . crypt($digest, $setting);
}

while (($line = fgets(STDIN)) !== false) {
    $ask = json_decode($line, true, 4, JSON_THROW_ON_ERROR);
    $password = hex2bin($ask['password']);
    $answer = match ($ask['make']) {
        'version' => PHP_VERSION,
        'phpass' => (new PasswordHash(8, true))->crypt_private($password, $ask['setting']),
        'wordpress' => wordpress($password, $ask['setting']),
        'crypt' => crypt($password, $ask['setting']),
        'password_hash' => password_hash($password, PASSWORD_ARGON2ID, $ask['options']),
        'password_verify' => password_verify($password, $ask['stored']),
    };
    echo json_encode($answer, JSON_THROW_ON_ERROR), "\n";
}
