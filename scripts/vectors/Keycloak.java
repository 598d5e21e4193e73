import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Scanner;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * Answers one request a line for passwords_moving.py as Keycloak's Pbkdf2PasswordHashProvider computes: password in
 * hexadecimal, algorithm of Java, iterations, salt in base64, bits of the key; the answer is base64.
 */
class Keycloak {
    public static void main(String[] arguments) throws Exception {
        Scanner in = new Scanner(System.in);
        while (in.hasNextLine()) {
            String[] ask = in.nextLine().split(" ");
            String password = new String(HexFormat.of().parseHex(ask[0].equals("-") ? "" : ask[0]), UTF_8);
            // Keycloak lengthens a short password with NUL to 14 characters.
            char[] padded = Arrays.copyOf(password.toCharArray(), Math.max(14, password.length()));
            byte[] salt = Base64.getDecoder().decode(ask[3]);
            PBEKeySpec spec = new PBEKeySpec(padded, salt, Integer.parseInt(ask[2]), Integer.parseInt(ask[4]));
            byte[] key = SecretKeyFactory.getInstance(ask[1]).generateSecret(spec).getEncoded();
            System.out.println(Base64.getEncoder().encodeToString(key));
        }
    }
}
