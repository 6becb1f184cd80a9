"""How strong a click-CAPTCHA is: how often a machine passes, what it takes, what to change."""
